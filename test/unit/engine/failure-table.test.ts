import { describe, expect, it } from 'vitest'
import { errorOfFailure, errorOfFailures } from '../../../worker/canonical/errors.ts'
import { isMeaningful, isTerminal, type CanonicalEvent } from '../../../worker/canonical/events.ts'
import { failureTable, type FailureClass } from '../../../worker/canonical/failure.ts'

/** `reliability.md` 1.3, written down a second time: a slip in the table is a slip in two places. */
const rules: Readonly<
  Record<FailureClass, readonly [retries: number, baseMs: number, fallback: string]>
> = {
  timeout: [0, 0, 'yes'],
  connect: [1, 0, 'yes'],
  overloaded: [1, 1000, 'preferred'],
  rate_limited: [0, 0, 'yes'],
  quota_exhausted: [0, 0, 'yes'],
  server_error: [1, 50, 'yes'],
  auth: [0, 0, 'yes'],
  bad_request: [0, 0, 'no'],
  context_length: [0, 0, 'larger-context'],
  content_policy: [0, 0, 'no'],
  malformed: [0, 0, 'yes'],
  truncated: [0, 0, 'yes'],
  cancelled: [0, 0, 'no'],
}

const classes = Object.keys(rules) as FailureClass[]

describe('failureTable', () => {
  it.each(classes)('has the retries and the fallback of %s', (failureClass) => {
    const { sameTargetRetries, retryBaseMs, fallback } = failureTable[failureClass]
    expect([sameTargetRetries, retryBaseMs, fallback]).toEqual(rules[failureClass])
  })

  it('blames no target for what the caller sent, the account owes or the client did', () => {
    const fails = classes.filter((name) => failureTable[name].target === 'fail')
    expect(fails).toEqual([
      'timeout',
      'connect',
      'overloaded',
      'server_error',
      'malformed',
      'truncated',
    ])
    expect(classes.filter((name) => failureTable[name].quota !== 'none')).toEqual([
      'rate_limited',
      'quota_exhausted',
    ])
    expect(classes.filter((name) => failureTable[name].credential === 'disable')).toEqual(['auth'])
  })
})

describe('errorOfFailures()', () => {
  const of = (failureClass: FailureClass, retryAfterMs?: number) => ({
    class: failureClass,
    message: failureClass,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })

  it.each([
    [[of('timeout'), of('timeout')], 504, 'upstream_timeout'],
    [[of('timeout'), of('server_error')], 502, 'upstream_error'],
    [[of('rate_limited', 9000), of('quota_exhausted', 4000)], 429, 'rate_limited'],
    [[of('rate_limited'), of('server_error')], 502, 'upstream_error'],
    [[of('server_error'), of('content_policy')], 400, 'content_policy'],
    [[of('auth')], 502, 'upstream_error'],
    [[of('context_length')], 400, 'context_length_exceeded'],
  ] as const)('says of %j %i %s', (failures, status, code) => {
    const [first, ...rest] = failures
    expect(errorOfFailures([first, ...rest])).toMatchObject({ status, code })
  })

  it('never blames the caller for a target that is wrong', () => {
    const wrong = { ...of('bad_request'), targetFault: true }
    expect(errorOfFailures([wrong])).toMatchObject({ status: 502, code: 'upstream_error' })
    expect(errorOfFailure(wrong).status).toBe(502)
  })
})

describe('isMeaningful() and isTerminal()', () => {
  const events: readonly (readonly [CanonicalEvent, boolean])[] = [
    [{ type: 'start' }, false],
    [{ type: 'usage', usage: { inputTokens: 1 } }, false],
    [{ type: 'text', choice: 0, text: '' }, false],
    [{ type: 'text', choice: 0, text: 'a' }, true],
    [{ type: 'refusal', choice: 0, text: '' }, false],
    [{ type: 'reasoning', choice: 0, text: '' }, false],
    [{ type: 'reasoning', choice: 0, text: '', redacted: 'x' }, true],
    [{ type: 'toolCallStart', choice: 0, index: 0, id: 'a', name: 'b' }, true],
    [{ type: 'finish', choices: [] }, false],
    [{ type: 'failure', failure: { class: 'timeout', message: '' } }, false],
  ]

  it('commit an answer with the first thing that someone can use', () => {
    for (const [event, meaningful] of events) expect(isMeaningful(event)).toBe(meaningful)
  })

  it('end a stream with a finish or a failure and nothing else', () => {
    expect(events.filter(([event]) => isTerminal(event)).map(([{ type }]) => type)).toEqual([
      'finish',
      'failure',
    ])
  })
})
