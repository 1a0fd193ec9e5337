import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { failureTable } from '../../../worker/canonical/failure.ts'
import {
  durable,
  emptyHealth,
  type HealthEvent,
  type HealthState,
  restore,
  snapshot,
  step,
} from '../../../durable-objects/provider-health/health.ts'
import type {
  DomainKey,
  DomainSnapshot,
  HealthReport,
  Outcome,
  OutcomeRow,
  Permit,
  ProbeOutcome,
} from '../../../durable-objects/provider-health/protocol.ts'
import { defaultHealthSettings } from '../../../durable-objects/provider-health/settings.ts'
import { startMs } from './support.ts'

const outcomes = ['ok', 'broken_output', ...Object.keys(failureTable)] as Outcome[]
const names = ['a@acme', 'b@acme', 'c@acme']
const settings = { ...defaultHealthSettings, syntheticProbes: false }

/** Chance from a seed, so that a run that failed can be run again. */
function seeded(seed: number): () => number {
  let at = seed
  return () => {
    at = (Math.imul(at, 1_664_525) + 1_013_904_223) >>> 0
    return at / 2 ** 32
  }
}

const histogram = fc.array(fc.tuple(fc.nat(23), fc.integer({ min: 1, max: 20 })), { maxLength: 4 })

const soundRow: fc.Arbitrary<OutcomeRow> = fc.record(
  {
    target: fc.constantFrom(...names),
    size: fc.constantFrom(0, 1, 2, 3),
    outcome: fc.constantFrom(...outcomes),
    count: fc.integer({ min: 1, max: 20 }),
    ageMs: fc.integer({ min: 0, max: 10_000 }),
    ttft: histogram,
    cost: histogram,
    elapsedMs: fc.nat(60_000),
    retryAfterMs: fc.nat(600_000),
    ramp: fc.constant(true as const),
    credential: fc.constantFrom('c1', 'c2'),
  },
  { requiredKeys: ['target', 'size', 'outcome', 'count', 'ageMs'] },
) as fc.Arbitrary<OutcomeRow>

function reportOf(isolate: string, sequence: number, more: Partial<HealthReport>): HealthReport {
  return {
    isolate,
    bootNonce: 'nonce',
    sequence,
    rows: [],
    probes: [],
    wants: [],
    haveVersion: 0,
    haveBoot: '',
    ...more,
  }
}

/** What happened in a world, one thing after the other. */
type Act =
  | { readonly kind: 'rows'; readonly rows: readonly OutcomeRow[] }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'ask'; readonly target: string }
  /** The outcome of a permit that was given some time, perhaps long over or already used. */
  | {
      readonly kind: 'answer'
      readonly which: number
      readonly outcome: Outcome
      readonly ttftMs: number
    }
  | { readonly kind: 'force'; readonly state: 'open' | 'closed' | 'auto'; readonly forMs: number }
  | { readonly kind: 'evict' }

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('rows' as const),
      rows: fc.array(soundRow, { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.constantFrom(50, 1000, 5000, 20_000, 70_000, 400_000),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('ask' as const), target: fc.constantFrom(...names) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('answer' as const),
      which: fc.nat(5),
      outcome: fc.oneof(fc.constant('ok' as const), fc.constantFrom(...outcomes)),
      ttftMs: fc.constantFrom(100, 100, 100, 50_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('force' as const),
      state: fc.constantFrom('open', 'closed', 'auto'),
      forMs: fc.nat(100_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('evict' as const) }) },
)

const outage: readonly Act[] = [
  {
    kind: 'rows',
    rows: names.map((target) => ({ target, size: 0, outcome: 'timeout', count: 9, ageMs: 0 })),
  },
  { kind: 'wait', ms: 20_000 },
]

/** Begins half of the time with an outage, so that half-open circuits are common. */
const acts = fc
  .tuple(fc.boolean(), fc.array(act, { minLength: 5, maxLength: 60 }))
  .map(([broken, rest]) => (broken ? [...outage, ...rest] : rest))

/** Plays acts, and shows each step to whoever watches. */
class Play {
  state: HealthState = emptyHealth(settings, 'boot0', startMs)
  nowMs = startMs
  readonly permits: Permit[] = []
  #sequence = 0
  #lives = 0
  readonly #random: () => number

  constructor(seed: number) {
    this.#random = seeded(seed)
  }

  take(event: HealthEvent): void {
    const { state, effects } = step(this.state, event, this.nowMs, this.#random)
    this.state = state
    for (const effect of effects)
      if (effect.kind === 'reply') this.permits.push(...effect.reply.permits)
  }

  report(more: Partial<HealthReport>): void {
    this.#sequence += 1
    this.take({ kind: 'report', report: reportOf('one', this.#sequence, more) })
  }

  do(one: Act): void {
    switch (one.kind) {
      case 'rows':
        this.report({ rows: one.rows })
        break
      case 'wait':
        this.nowMs += one.ms
        this.take({ kind: 'tick' })
        break
      case 'ask':
        this.report({ wants: [one.target], credential: 'c1' })
        break
      case 'answer':
        this.answer(this.permits.at(-1 - one.which), one.outcome, one.ttftMs)
        break
      case 'force':
        this.take({ kind: 'force', key: 'target:a@acme', state: one.state, forMs: one.forMs })
        break
      case 'evict':
        this.evict()
    }
  }

  answer(permit: Permit | undefined, outcome: Outcome, ttftMs: number): void {
    if (permit === undefined) return
    const { permitId } = permit
    this.report({ probes: [{ permitId, outcome, ttftMs, size: 0 }] })
  }

  evict(): void {
    this.#lives += 1
    const stored: unknown = JSON.parse(JSON.stringify(durable(this.state)))
    this.state = restore(stored, settings, `boot${this.#lives}`, this.nowMs)
  }

  domains(): Map<DomainKey, DomainSnapshot> {
    return new Map(snapshot(this.state, this.nowMs).map((domain) => [domain.key, domain]))
  }
}

/** The evidence and the states, without what a draw decides. */
function judgement(state: HealthState, nowMs: number) {
  return snapshot(state, nowMs)
    .filter(({ key }) => key === 'edge' || key.startsWith('target:'))
    .map(({ key, state: holds, cause, evidence, failRate, slow, speed }) => ({
      key,
      holds,
      cause,
      evidence,
      failRate,
      slow,
      speed,
    }))
    .sort((one, two) => (one.key < two.key ? -1 : 1))
}

describe('reports', () => {
  const batch = fc.array(fc.array(soundRow, { maxLength: 8 }), { minLength: 1, maxLength: 8 })

  it('say the same in whatever order and however often they come: evidence, and what has tripped', () => {
    fc.assert(
      fc.property(
        batch.chain((rows) => {
          const reports = rows.map((one, at) => reportOf(`i${at % 3}`, 5 + at, { rows: one }))
          return fc.tuple(
            fc.constant(reports),
            fc.shuffledSubarray(reports, { minLength: reports.length }),
            fc.array(fc.constantFrom(...reports)),
          )
        }),
        ([inOrder, shuffled, again]) => {
          const end = (reports: readonly HealthReport[]) => {
            let state = emptyHealth(settings, 'boot', startMs)
            const take = (event: HealthEvent, nowMs: number) => {
              ;({ state } = step(state, event, nowMs, seeded(1)))
            }
            take({ kind: 'tick' }, startMs)
            for (const report of reports) take({ kind: 'report', report }, startMs + 50)
            take({ kind: 'tick' }, startMs + 200)
            return judgement(state, startMs + 200)
          }
          const expected = end(inOrder)
          expect(end(shuffled)).toEqual(expected)
          expect(end([...shuffled, ...again])).toEqual(expected)
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('in every run', () => {
  it('a straggler without a permit never moves a circuit that is not closed, nor a lock', () => {
    fc.assert(
      fc.property(fc.nat(), acts, fc.array(soundRow, { maxLength: 20 }), (seed, all, late) => {
        const play = new Play(seed)
        for (const one of all) play.do(one)
        // What is due now is not the straggler's doing.
        play.take({ kind: 'tick' })
        const before = play.domains()
        const probes: ProbeOutcome[] = ['boot9.1', 'x', ''].map((permitId) => ({
          permitId,
          outcome: 'ok',
          size: 0,
        }))
        play.report({ rows: late, probes })
        play.take({ kind: 'tick' })
        const after = play.domains()
        for (const [key, { state, epoch, cause, openForMs, forced }] of before) {
          if (state === 'closed' || forced !== null) continue
          if (key.startsWith('quota:') && key !== 'quota:*') continue
          expect(after.get(key), key).toMatchObject({ state, epoch, cause, openForMs })
        }
      }),
      { numRuns: 500 },
    )
  })

  it('two half-opens of a circuit never overlap: another one has another epoch, and permits of one only', () => {
    fc.assert(
      fc.property(fc.nat(), acts, (seed, all) => {
        const play = new Play(seed)
        const epochs = new Map<DomainKey, number>()
        const wasHalfOpen = new Map<DomainKey, number>()
        for (const one of all) {
          play.do(one)
          for (const { circuit, key } of [play.state.edge, ...play.state.targets.values()]) {
            expect(circuit.epoch).toBeGreaterThanOrEqual(epochs.get(key) ?? 0)
            epochs.set(key, circuit.epoch)
            if (circuit.phase.kind === 'closed') wasHalfOpen.set(key, circuit.epoch)
            if (circuit.phase.kind === 'half_open')
              expect(circuit.epoch).toBeGreaterThan(wasHalfOpen.get(key) ?? 0)
            const held = [...play.state.permits.held.values()].filter(
              (permit) => permit.key === key && permit.epoch === circuit.epoch,
            )
            if (held.length > 0 && circuit.phase.kind === 'half_open')
              expect(held.length).toBeLessThanOrEqual(6)
          }
        }
      }),
      { numRuns: 500 },
    )
  })

  it('only the outcome of a permit of the present generation moves a half-open circuit', () => {
    fc.assert(
      fc.property(fc.nat(), acts, (seed, all) => {
        const play = new Play(seed)
        for (const one of all) {
          const { targets, permits } = play.state
          const before = new Map([...targets].map(([name, { circuit }]) => [name, circuit]))
          const permit = one.kind === 'answer' ? play.permits.at(-1 - one.which) : undefined
          const held = permit && permits.held.get(permit.permitId)
          play.do(one)
          if (one.kind !== 'answer') continue
          for (const [name, circuit] of before) {
            const isTheirs =
              held?.key === `target:${name}` &&
              held.epoch === circuit.epoch &&
              circuit.phase.kind === 'half_open'
            const now = play.state.targets.get(name)?.circuit
            if (!isTheirs && circuit.phase.kind === 'half_open')
              expect([now?.epoch, now?.phase.kind]).toEqual([circuit.epoch, 'half_open'])
          }
        }
      }),
      { numRuns: 500 },
    )
  })

  it('not_before never shrinks, not even over an eviction', () => {
    fc.assert(
      fc.property(fc.nat(), acts, (seed, all) => {
        const play = new Play(seed)
        const ends = new Map<string, number>()
        for (const one of all) {
          // A wait of under ten seconds more than was stored may be lost with the object.
          const slackMs = one.kind === 'evict' ? settings.rateWaitPersistMs : 0
          if (one.kind === 'evict')
            for (const [name, target] of play.state.targets)
              ends.set(name, target.storedNotBeforeMs)
          play.do(one)
          for (const [name, { gate }] of play.state.targets) {
            const end = ends.get(name) ?? 0
            if (end > play.nowMs) expect(gate.notBeforeMs + slackMs).toBeGreaterThanOrEqual(end)
            ends.set(name, gate.notBeforeMs)
          }
        }
      }),
      { numRuns: 500 },
    )
  })

  it('what is stored brings back every open circuit, gate, forced state and lock', () => {
    fc.assert(
      fc.property(fc.nat(), acts, (seed, all) => {
        const play = new Play(seed)
        for (const one of all) play.do(one)
        play.take({ kind: 'tick' })
        const before = play.domains()
        play.evict()
        const after = play.domains()
        for (const [
          key,
          { state, epoch, cause, openForMs, notBeforeForMs, ratePerS, forced, rampAgeMs },
        ] of before) {
          if (state === 'closed' && forced === null && rampAgeMs === null && ratePerS === null)
            continue
          expect(after.get(key), key).toMatchObject({
            state,
            epoch,
            cause,
            openForMs,
            notBeforeForMs,
            ratePerS,
            forced,
            rampAgeMs,
          })
        }
        expect(JSON.parse(JSON.stringify(durable(play.state)))).toEqual(durable(play.state))
      }),
      { numRuns: 500 },
    )
  })

  it('all circuits close when faults stop and probes are answered', () => {
    fc.assert(
      fc.property(fc.nat(), acts, (seed, all) => {
        const play = new Play(seed)
        for (const one of all) play.do(one)
        for (let round = 0; round < 400; round += 1) {
          play.nowMs += 20_000
          play.take({ kind: 'tick' })
          for (const target of names) {
            play.report({ wants: [target], credential: 'c1' })
            play.report({ wants: [target], credential: 'c2' })
          }
          for (const permit of play.permits.splice(0)) play.answer(permit, 'ok', 100)
        }
        for (const { key, state, forced } of snapshot(play.state, play.nowMs))
          expect([key, state, forced]).toEqual([key, 'closed', null])
      }),
      { numRuns: 60 },
    )
  })
})

describe('step()', () => {
  it('answers the same for the same state, event, time and chance', () => {
    fc.assert(
      fc.property(fc.nat(), acts, act, (seed, all, last) => {
        const play = new Play(seed)
        for (const one of all) play.do(one)
        const event: HealthEvent =
          last.kind === 'rows'
            ? { kind: 'outcomes', rows: last.rows, wants: names }
            : { kind: 'tick' }
        const twin = structuredClone(play.state)
        const first = step(play.state, event, play.nowMs + 1000, seeded(seed))
        const second = step(twin, event, play.nowMs + 1000, seeded(seed))
        expect(second).toEqual(first)
      }),
      { numRuns: 60 },
    )
  })
})

describe('what is hostile', () => {
  const number = fc.oneof(
    fc.double(),
    fc.constantFrom(Number.NaN, Infinity, -Infinity, -1, 0, 1e300, 2 ** 53, -0.5),
  )
  const anything = fc.oneof(number, fc.string(), fc.constantFrom(null, undefined, true, [], {}))
  const hostileRow = fc.record({
    target: fc.oneof(fc.constantFrom(...names, '__proto__', 'constructor', '*', ''), anything),
    size: fc.oneof(fc.constantFrom(0, 1, 2, 3), anything),
    outcome: fc.oneof(fc.constantFrom<string>(...outcomes, '__proto__', 'toString'), anything),
    count: number,
    ageMs: number,
    ttft: fc.oneof(fc.array(fc.tuple(number, number)), fc.array(anything), anything),
    cost: fc.oneof(fc.array(fc.tuple(number, number)), fc.array(anything), anything),
    elapsedMs: anything,
    retryAfterMs: anything,
    ramp: anything,
    credential: anything,
  })
  const hostileReport = fc.record({
    isolate: fc.oneof(fc.constant('one'), anything),
    bootNonce: fc.oneof(fc.constant('nonce'), anything),
    sequence: fc.oneof(fc.nat(100), number),
    rows: fc.oneof(fc.array(fc.oneof(hostileRow, anything)), anything),
    probes: fc.oneof(
      fc.array(
        fc.oneof(fc.record({ permitId: anything, outcome: anything, ttftMs: anything }), anything),
      ),
      anything,
    ),
    wants: fc.oneof(fc.array(fc.oneof(fc.constantFrom(...names), anything)), anything),
    credential: anything,
    haveVersion: anything,
    haveBoot: anything,
  })

  /** Every number that is anywhere in a value. */
  function* numbersIn(value: unknown): Generator<number> {
    if (typeof value === 'number') yield value
    else if (typeof value === 'object' && value !== null)
      for (const inner of Object.values(value)) yield* numbersIn(inner)
  }

  it('is refused or clamped, and never poisons what is known', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(hostileReport, anything), { maxLength: 8 }), (reports) => {
        const play = new Play(1)
        for (const report of reports) play.take({ kind: 'report', report: report as HealthReport })
        play.nowMs += 1000
        play.take({ kind: 'tick' })
        for (const value of numbersIn([...play.domains().values()])) {
          expect(Number.isFinite(value)).toBe(true)
          expect(value).toBeGreaterThanOrEqual(0)
        }
        for (const value of numbersIn(durable(play.state)))
          expect(Number.isFinite(value)).toBe(true)
        // It works as ever.
        play.nowMs += 600_000
        play.take({ kind: 'tick' })
        for (const key of ['edge', ...names.map((name) => `target:${name}`)])
          play.take({ kind: 'reset', key: key as DomainKey })
        play.report({
          isolate: 'good',
          rows: [{ target: 'a@acme', size: 0, outcome: 'timeout', count: 5, ageMs: 0 }],
        })
        play.take({ kind: 'tick' })
        expect(play.domains().get('target:a@acme')?.state).toBe('open')
      }),
      { numRuns: 500 },
    )
  })
})

describe('a million names', () => {
  it(
    'of isolates, credentials and targets leave a state of bounded size',
    { timeout: 60_000 },
    () => {
      const play = new Play(1)
      const tell = (isolate: string, rows: readonly OutcomeRow[]) => {
        const have = { haveBoot: 'boot0', haveVersion: play.state.version }
        play.take({ kind: 'report', report: reportOf(isolate, 1, { rows, ...have }) })
      }
      const named = (from: number, more: (name: string) => Partial<OutcomeRow>): OutcomeRow[] =>
        Array.from({ length: 200 }, (_, at) => ({
          target: 'a@acme',
          size: 0,
          outcome: 'ok',
          count: 1,
          ageMs: 0,
          ...more(`${from + at}`),
        }))
      for (let at = 0; at < 500_000; at += 1) tell(`i${at}`, [])
      for (let at = 0; at < 400_000; at += 200)
        tell(
          `c${at}`,
          named(at, (name) => ({ outcome: 'auth', credential: name })),
        )
      for (let at = 0; at < 100_000; at += 200) {
        play.nowMs += 10
        tell(
          `j${at}`,
          named(at, (name) => ({ target: name })),
        )
      }
      expect(play.state.senders.known.size).toBeLessThanOrEqual(20_000)
      expect(play.state.credentials.size).toBe(32)
      expect(play.state.targets.size).toBe(256)
      expect(JSON.stringify(durable(play.state)).length).toBeLessThan(10_000)
    },
  )
})
