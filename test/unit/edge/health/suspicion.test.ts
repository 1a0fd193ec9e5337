import { describe, expect, it } from 'vitest'
import { defaultWatchSettings } from '../../../../worker/edge/health/settings.ts'
import { Suspicion } from '../../../../worker/edge/health/suspicion.ts'
import { a, b, startMs } from './support.ts'

function suspicion(...outcomes: readonly Parameters<Suspicion['note']>[1][]): Suspicion {
  const made = new Suspicion(defaultWatchSettings)
  for (const outcome of outcomes) made.note(a, outcome, startMs)
  return made
}

describe('Suspicion', () => {
  it('falls on a target after three hard failures in a row, for two seconds', () => {
    expect(suspicion('connect', 'server_error').untilMs(a)).toBe(0)
    const made = suspicion('connect', 'server_error', 'timeout')
    expect(made.untilMs(a)).toBe(startMs + 2000)
    expect(made.untilMs(b)).toBe(0)
  })

  it('is lifted by one success, which also breaks the row', () => {
    const made = suspicion('connect', 'connect', 'connect', 'ok')
    expect(made.untilMs(a)).toBe(0)
    expect(suspicion('connect', 'connect', 'ok', 'connect').untilMs(a)).toBe(0)
  })

  it.each(['rate_limited', 'bad_request', 'auth', 'cancelled', 'quota_exhausted'] as const)(
    'does not fall for %s: the target is not down',
    (outcome) => {
      expect(suspicion(outcome, outcome, outcome, outcome).untilMs(a)).toBe(0)
    },
  )

  it('needs its failures within two seconds', () => {
    const made = new Suspicion(defaultWatchSettings)
    for (const afterMs of [0, 1000, 2001]) made.note(a, 'connect', startMs + afterMs)
    expect(made.untilMs(a)).toBe(0)
    for (const afterMs of [2500, 3000]) made.note(a, 'connect', startMs + afterMs)
    expect(made.untilMs(a)).toBe(startMs + 5000)
  })

  it('goes on with each further failure', () => {
    const made = suspicion('overloaded', 'overloaded', 'overloaded')
    made.note(a, 'overloaded', startMs + 1500)
    expect(made.untilMs(a)).toBe(startMs + 3500)
  })
})
