import { describe, expect, it } from 'vitest'
import { TrialTally } from '../../../../worker/edge/health/trial-tally.ts'
import { RankAccount, type RankedCall } from '../../../../worker/edge/measure/rank-account.ts'
import { foreseenTokens, RankMemory } from '../../../../worker/edge/measure/rank-memory.ts'
import { WarmSessions } from '../../../../worker/edge/measure/warm-sessions.ts'
import type { StepMark } from '../../../../worker/policy/ranking.ts'
import { startMs } from '../health/support.ts'

const trial = { trial: 'chat/1', side: 'canary', target: 'a@acme', slowAfterMs: 1000 } as const
const mark: StepMark = { route: 'chat', affinityKey: 'key', trial }
const call: RankedCall = {
  target: 'a@acme',
  mark,
  setAsideTokens: null,
  tally: null,
  isAlone: false,
}

describe('RankAccount', () => {
  it.each<[string, boolean, number | null, number]>([
    ['a good answer', false, 300, 0],
    ['a failure', true, null, 1],
    ['a first token later than the trial allows', false, 1001, 1],
  ])('counts %s on its side of the trial', (_what, bad, ttftMs, expected) => {
    const tally = new TrialTally()
    new RankAccount({ ...call, tally }, new RankMemory()).ended(bad, ttftMs)
    expect(tally.take()).toEqual([
      {
        trial: 'chat/1',
        target: 'a@acme',
        canary: { calls: 1, bad: expected },
        control: { calls: 0, bad: 0 },
      },
    ])
    expect(tally.take()).toBeNull()
  })

  it('remembers where a session was, and what of its prompt came from the cache the next time', () => {
    const memory = new RankMemory()
    const usage = { inputTokens: 1000, outputTokens: 50, cacheReadTokens: 600 }
    new RankAccount(call, memory).answered(usage, startMs)
    const nothing = { speed: null, domain: null }
    const cachedShare = () => memory.measure('a@acme').measured(0, nothing, startMs).cachedShare
    expect(memory.sessions.warmth('key', startMs + 5000)).toEqual({ target: 'a@acme', agoMs: 5000 })
    expect(cachedShare()).toBeNull()
    new RankAccount(call, memory).answered(usage, startMs)
    expect(cachedShare()).toBe(0.6)
  })

  it('learns how long the answers of a route are', () => {
    const memory = new RankMemory()
    expect(foreseenTokens(100, mark, memory, startMs)).toBe(600)
    for (const outputTokens of [40, 60])
      new RankAccount(call, memory).answered({ outputTokens }, startMs)
    expect(memory.outputTokens('chat', startMs)).toBe(50)
    expect(foreseenTokens(100, mark, memory, startMs)).toBe(150)
    expect(foreseenTokens(100, null, memory, startMs)).toBe(600)
  })

  it('pays back what it did not use of the reserve', () => {
    const memory = new RankMemory()
    const rate = { requestsPerMinute: null, tokensPerMinute: 1000 }
    memory.reserves.take('a@acme', rate, 900, 1, startMs)
    expect(memory.reserves.hasRoom('a@acme', rate, 500, 1, startMs)).toBe(false)
    const account = new RankAccount({ ...call, setAsideTokens: 900 }, memory)
    account.answered({ inputTokens: 100, outputTokens: 100 }, startMs)
    expect(memory.reserves.hasRoom('a@acme', rate, 800, 1, startMs)).toBe(true)
  })

  it('takes its share of a reserve alone, one over the isolates of the region', () => {
    const { reserves } = new RankMemory()
    const rate = { requestsPerMinute: 4, tokensPerMinute: null }
    for (const fits of [true, true, false]) {
      expect(reserves.hasRoom('a@acme', rate, 1, 2, startMs)).toBe(fits)
      if (fits) reserves.take('a@acme', rate, 1, 2, startMs)
    }
  })
})

describe('TrialTally', () => {
  it('believes the object, and judges for itself only when it is alone', () => {
    const fails = (tally: TrialTally, isAlone: boolean) => {
      for (let call = 0; call < 400; call += 1) {
        tally.note({ ...trial, side: 'control' }, false, isAlone)
        if (call % 10 === 0) tally.note(trial, true, isAlone)
      }
      return tally.stopped('chat/1')
    }
    expect(fails(new TrialTally(), false)).toBeNull()
    expect(fails(new TrialTally(), true)).toMatch(
      /^\d+ of \d+ calls failed, and 0 of \d+ beside it$/,
    )
    const told = new TrialTally()
    told.received([{ trial: 'chat/1', stopped: 'it failed' }])
    told.received(undefined)
    expect(told.stopped('chat/1')).toBe('it failed')
    expect(told.stopped('chat/2')).toBeNull()
  })
})

describe('WarmSessions', () => {
  it('forgets the oldest session when there are too many', () => {
    const sessions = new WarmSessions()
    for (let index = 0; index < 4096; index += 1) sessions.answered(`s${index}`, 'a@acme', startMs)
    sessions.answered('s0', 'b@acme', startMs)
    sessions.answered('new', 'a@acme', startMs)
    expect(sessions.warmth('s0', startMs)?.target).toBe('b@acme')
    expect(sessions.warmth('s1', startMs)).toBeNull()
    expect(sessions.warmth('s2', startMs)).not.toBeNull()
  })
})
