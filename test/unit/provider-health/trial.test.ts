import { describe, expect, it } from 'vitest'
import type { HealthReply, TrialRow } from '../../../durable-objects/provider-health/protocol.ts'
import {
  durable,
  emptyHealth,
  restore,
  step,
  type HealthEffect,
  type HealthState,
} from '../../../durable-objects/provider-health/health.ts'
import { alertOfTrial } from '../../../durable-objects/provider-health/alerts.ts'
import {
  evidenceAgainst,
  newCourse,
  proof,
  rarityOf,
  trialSentence,
  withCalls,
  type TrialCounts,
} from '../../../durable-objects/provider-health/rules/trial.ts'
import { defaultHealthSettings } from '../../../durable-objects/provider-health/settings.ts'
import { stops } from '../../support/trial-runs.ts'

const counts = (canaryCalls: number, canaryBad: number, calls: number, bad: number) => ({
  canary: { calls: canaryCalls, bad: canaryBad },
  control: { calls, bad },
})

const isWorse = (seen: TrialCounts) => withCalls(newCourse, seen).isWorse

describe('the test of a trial', () => {
  it('finds no difference in the same share of failures, and nothing in nothing', () => {
    expect(isWorse(counts(100, 5, 900, 45))).toBe(false)
    expect(evidenceAgainst(newCourse)).toBe(0)
    expect(evidenceAgainst(counts(10, 10, 0, 0))).toBe(0)
  })

  it('finds a canary that fails always after a handful of calls', () => {
    expect(isWorse(counts(10, 10, 90, 0))).toBe(true)
    expect(isWorse(counts(5, 5, 45, 0))).toBe(false)
  })

  it('does not look at the canary’s failures alone: the others fail as well in an outage', () => {
    expect(isWorse(counts(50, 25, 450, 225))).toBe(false)
    expect(isWorse(counts(50, 25, 450, 20))).toBe(true)
  })

  it('says what it saw', () => {
    expect(trialSentence(counts(210, 30, 1900, 41))).toBe(
      '30 of 210 calls failed, and 41 of 1900 beside it',
    )
  })

  it('does not let an old outage of the others shield a canary that begins to fail', () => {
    const outage = withCalls(newCourse, counts(100, 0, 900, 900))
    expect(evidenceAgainst(outage)).toBeGreaterThanOrEqual(-2 * Math.log(proof))
    let trial = outage
    let calls = 0
    while (!trial.isWorse && calls < 500) {
      trial = withCalls(trial, counts(10, 5, 90, 4))
      calls += 10
    }
    expect(calls).toBeLessThan(200)
  })

  it('has one look of its own at the 450th call of the canary, and no second one', () => {
    // 37 or more of 250 failures for a tenth of the calls: chance does that in 1 % of the cases, 39 or more in 0.36 %.
    const at = (calls: number, bad: number) =>
      withCalls(newCourse, counts(calls, bad, calls * 9, 250 - bad))
    expect(rarityOf(counts(450, 37, 4050, 213))).toBeCloseTo(0.0104, 4)
    expect(at(450, 37).isWorse).toBe(false)
    expect(at(450, 40).isWorse).toBe(true)
    expect(at(449, 40)).toMatchObject({ isWorse: false, hasLooked: false })
    const looked = at(450, 30)
    expect(looked.hasLooked).toBe(true)
    expect(withCalls(looked, counts(50, 12, 450, 0)).isWorse).toBe(false)
  })

  it('knows the tails of binomial distributions', () => {
    // Of 10 throws of a coin: 8 or more heads in 56 of 1,024 cases.
    expect(rarityOf(counts(100, 8, 100, 2))).toBeCloseTo(56 / 1024, 10)
    expect(rarityOf(counts(100, 0, 100, 10))).toBe(1)
    expect(rarityOf(counts(100, 10, 100, 0))).toBeCloseTo(1 / 1024, 10)
  })

  // Deterministic: the seeds of a run follow on its first one.
  const aaRuns = [
    { share: 0.05, rate: 0.02, seed: 1 },
    { share: 0.1, rate: 0.02, seed: 10_001 },
    { share: 0.1, rate: 0.1, seed: 20_001 },
    { share: 0.5, rate: 0.05, seed: 30_001 },
  ]
  it.each(aaRuns)(
    'stops fewer than 1 % of 1,000 trials of two equal targets (share $share, failures $rate)',
    ({ share, rate, seed }) => {
      const stopped = stops(
        { share, controlRate: rate, canaryRate: rate, canaryCalls: 1000 },
        1000,
        seed,
      ).length
      console.log(
        `A/A: share ${share}, failures ${rate}, seeds ${seed} to ${seed + 999}: ${stopped} of 1000 stopped`,
      )
      expect(stopped).toBeLessThan(10)
    },
    30_000,
  )

  const doubled = [
    { share: 0.1, rate: 0.05, atLeast: 0.85, seed: 40_001 },
    { share: 0.1, rate: 0.1, atLeast: 0.95, seed: 50_001 },
    { share: 0.05, rate: 0.2, atLeast: 0.99, seed: 60_001 },
    { share: 0.5, rate: 0.2, atLeast: 0.97, seed: 70_001 },
  ]
  it.each(doubled)(
    'stops a canary whose failures double within 500 of its calls (share $share, failures $rate): $atLeast',
    ({ share, rate, atLeast, seed }) => {
      const run = { share, controlRate: rate, canaryRate: 2 * rate, canaryCalls: 500 }
      const after = stops(run, 300, seed)
      const median = after.toSorted((a, b) => a - b)[Math.floor(after.length / 2)]
      console.log(
        `doubled: share ${share}, failures ${rate}, seeds ${seed} to ${seed + 299}: ${after.length} of 300 within 500 calls, median ${median}`,
      )
      expect(after.length / 300).toBeGreaterThanOrEqual(atLeast)
    },
    30_000,
  )
})

describe('trials in the object', () => {
  const nowMs = 1_800_000_000_000
  const row: TrialRow = {
    trial: 'chat/1',
    target: 'new@p',
    ...counts(1, 0, 9, 0),
  }
  let sequence = 0
  function tell(state: HealthState, rows: readonly unknown[], isolate = 'i1', again = false) {
    if (!again) sequence += 1
    const report = {
      isolate,
      bootNonce: 'b',
      sequence,
      rows: [],
      probes: [],
      wants: [],
      trials: rows as TrialRow[],
      haveVersion: 0,
      haveBoot: '',
    }
    return step(state, { kind: 'report', report }, nowMs, () => 0).effects
  }
  const replyOf = (effects: readonly HealthEffect[]): HealthReply | undefined =>
    effects.find((one) => one.kind === 'reply')?.reply
  const fresh = () => emptyHealth(defaultHealthSettings, 'boot', nowMs)
  const bad = { ...row, canary: { calls: 10, bad: 10 }, control: { calls: 90, bad: 0 } }

  it('adds up what isolates report, stops what is worse once, and stores that', () => {
    const state = fresh()
    const half = { ...row, canary: { calls: 5, bad: 5 }, control: { calls: 45, bad: 0 } }
    expect(replyOf(tell(state, [half], 'i1'))?.stoppedTrials).toBeUndefined()
    const effects = tell(state, [half], 'i2')
    expect(effects.filter(({ kind }) => kind === 'trial_stopped')).toHaveLength(1)
    expect(effects.some(({ kind }) => kind === 'persist')).toBe(true)
    const sentence = '10 of 10 calls failed, and 0 of 90 beside it'
    expect(replyOf(effects)?.stoppedTrials).toEqual([{ trial: 'chat/1', stopped: sentence }])
    expect(tell(state, [half], 'i3').filter(({ kind }) => kind === 'trial_stopped')).toHaveLength(0)
  })

  it('tells every isolate of a stop, also one that asks for the first time after a restart', () => {
    const state = fresh()
    tell(state, [bad])
    const again = restore(
      JSON.parse(JSON.stringify(durable(state))),
      defaultHealthSettings,
      'b2',
      nowMs,
    )
    expect(replyOf(tell(again, [], 'new'))?.stoppedTrials).toHaveLength(1)
  })

  it('never starts a stopped trial again, and lets another one run', () => {
    const state = fresh()
    tell(state, [bad])
    for (let more = 0; more < 50; more += 1)
      tell(state, [{ ...row, canary: { calls: 100, bad: 0 }, control: { calls: 900, bad: 90 } }])
    expect(replyOf(tell(state, []))?.stoppedTrials).toHaveLength(1)
    expect(replyOf(tell(state, [{ ...row, trial: 'chat/2' }]))?.stoppedTrials).toHaveLength(1)
  })

  it('counts a report that came twice once', () => {
    const state = fresh()
    const half = { ...row, canary: { calls: 5, bad: 5 }, control: { calls: 45, bad: 0 } }
    tell(state, [half], 'i1')
    expect(replyOf(tell(state, [half], 'i1', true))?.stoppedTrials).toBeUndefined()
  })

  it.each([
    ['no row', null],
    ['no name', { ...bad, trial: '' }],
    ['a name with a space', { ...bad, trial: 'a b' }],
    ['no target', { ...bad, target: undefined }],
    ['no side', { ...bad, canary: null }],
    ['half a call', { ...bad, canary: { calls: 10.5, bad: 10 } }],
    ['more failures than calls', { ...bad, canary: { calls: 10, bad: 11 } }],
    ['fewer than none', { ...bad, control: { calls: -1, bad: -1 } }],
    ['more than a report can hold', { ...bad, canary: { calls: 1e12, bad: 1e12 } }],
  ])('counts nothing of a row with %s', (_what, sent) => {
    const state = fresh()
    expect(replyOf(tell(state, [sent]))?.stoppedTrials).toBeUndefined()
    expect(state.trials.size).toBe(0)
  })

  it('keeps a stop when a flood of names comes', () => {
    const state = fresh()
    tell(state, [bad])
    for (let name = 0; name < 200; name += 1) tell(state, [{ ...row, trial: `flood/${name}` }])
    expect(state.trials.size).toBeLessThanOrEqual(50)
    expect(replyOf(tell(state, []))?.stoppedTrials).toHaveLength(1)
  })

  it('alerts with the trial and its counts, and no tenant', () => {
    const stopped = {
      kind: 'trial_stopped',
      trial: 'chat/1',
      target: 'new@p',
      counts: bad,
    } as const
    const place = { provider: 'p', region: 'weur', jurisdiction: null } as const
    const { subject, payload } = alertOfTrial(stopped, place, nowMs)
    expect(subject).toBe('canary target:new@p')
    expect(payload).toMatchObject({
      type: 'canary.stopped',
      data: { target: 'new@p', cause: 'chat/1: 10 of 10 calls failed, and 0 of 90 beside it' },
    })
  })
})
