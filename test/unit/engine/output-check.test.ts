import { describe, expect, it } from 'vitest'
import type {
  CanonicalEvent,
  ChoiceFinish,
  FinishReason,
} from '../../../worker/canonical/events.ts'
import type { CanonicalRequest } from '../../../worker/canonical/request.ts'
import { OutputCheck } from '../../../worker/engine/output-check.ts'
import { chatRequest } from '../../support/fake-host.ts'

const tool = { type: 'function', name: 'search', parameters: {} } as const
const withTools = chatRequest({
  tools: [tool] as unknown as NonNullable<CanonicalRequest['tools']>,
})
const withJson = chatRequest({ responseFormat: { type: 'json' } })

const call = (...pieces: readonly string[]): CanonicalEvent[] => [
  { type: 'toolCallStart', choice: 0, index: 0, id: 'call_1', name: 'search' },
  ...pieces.map((text) => ({ type: 'toolCallArguments', choice: 0, index: 0, text }) as const),
]
const text = (...pieces: readonly string[]): CanonicalEvent[] =>
  pieces.map((piece) => ({ type: 'text', choice: 0, text: piece }))

function judge(
  request: CanonicalRequest,
  events: readonly CanonicalEvent[],
  reason: FinishReason = 'stop',
): boolean | null {
  const check = OutputCheck.of(request)
  if (check === null) return null
  for (const event of events) check.see(event)
  const ended: ChoiceFinish[] = [{ choice: 0, reason }]
  return check.broken(ended)
}

describe('OutputCheck', () => {
  it('looks at nothing where nothing has to parse', () => {
    expect(judge(chatRequest(), text('no JSON'))).toBeNull()
    expect(judge(chatRequest({ responseFormat: { type: 'text' } }), text('no JSON'))).toBeNull()
  })

  it('finds arguments of a tool call that do not parse, however they were cut', () => {
    expect(judge(withTools, call('{"q":', '"rain"}'), 'toolCalls')).toBe(false)
    expect(judge(withTools, call('{"q":', '"rain"'), 'toolCalls')).toBe(true)
    expect(judge(withTools, call(), 'toolCalls')).toBe(false)
  })

  it('finds a text that does not parse where JSON was asked for, and takes a fence for none', () => {
    expect(judge(withJson, text('{"a":', '1}'))).toBe(false)
    expect(judge(withJson, text('Sure! {"a":1}'))).toBe(true)
    expect(judge(withJson, text('```json\n{"a":1}\n```'))).toBe(false)
    expect(judge(withTools, text('Sure!'))).toBe(false)
  })

  it('blames nobody for an answer that was cut or refused', () => {
    for (const reason of ['length', 'contentFilter', 'refusal', 'contextWindow'] as const)
      expect(judge(withTools, call('{"q":'), reason)).toBe(false)
  })

  it('leaves text for a custom tool alone', () => {
    const custom: CanonicalEvent[] = [
      { type: 'toolCallStart', choice: 0, index: 0, id: 'call_1', name: 'sh', custom: true },
      { type: 'toolCallArguments', choice: 0, index: 0, text: 'ls -l' },
    ]
    expect(judge(withTools, custom, 'toolCalls')).toBe(false)
  })

  it('tells the choices of one answer apart', () => {
    const check = OutputCheck.of(withJson)
    check?.see({ type: 'text', choice: 0, text: '{"a":1}' })
    check?.see({ type: 'text', choice: 1, text: '{"a":' })
    expect(check?.broken([{ choice: 0, reason: 'stop' }])).toBe(false)
    expect(
      check?.broken([
        { choice: 0, reason: 'stop' },
        { choice: 1, reason: 'length' },
      ]),
    ).toBe(false)
    expect(
      check?.broken([
        { choice: 0, reason: 'stop' },
        { choice: 1, reason: 'stop' },
      ]),
    ).toBe(true)
  })
})
