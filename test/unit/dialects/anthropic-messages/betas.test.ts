import { describe, expect, it } from 'vitest'
import type { CanonicalRequest } from '../../../../worker/canonical/request.ts'
import { anthropicMessages } from '../../../../worker/dialects/anthropic-messages/index.ts'
import { classify } from '../../../../worker/policy/classify.ts'
import { anthropicAdapter } from '../../../../worker/providers/anthropic/adapter.ts'

const body = { model: 'm', max_tokens: 5, messages: [{ role: 'user', content: 'x' }] }

function read(header: string | null, more: object = {}) {
  const parsed = anthropicMessages.parse({ ...body, ...more })
  if (!parsed.ok) return parsed
  return (
    anthropicMessages.readHeaders?.(parsed.value, (name) =>
      name === 'anthropic-beta' ? header : null,
    ) ?? parsed
  )
}

function request(header: string | null, more: object = {}): CanonicalRequest {
  const result = read(header, more)
  if (!result.ok) throw new Error(result.error.message)
  return result.value
}

const betasOf = (header: string | null, more: object = {}) =>
  request(header, more).extensions?.['anthropic-messages']?.['betas']

describe('anthropic-beta', () => {
  it('joins the betas of the body, each once', () => {
    expect(betasOf('a-2026-01-01, b')).toEqual(['a-2026-01-01', 'b'])
    expect(betasOf('b,c', { betas: ['a', 'b'] })).toEqual(['a', 'b', 'c'])
    expect(betasOf('b', { anthropic_beta: 'a,b' })).toEqual(['a', 'b'])
    expect(betasOf(null)).toBeUndefined()
    expect(betasOf(' ')).toBeUndefined()
    expect(betasOf(null, { betas: ['a'] })).toEqual(['a'])
  })

  it('goes on to Anthropic, for chats and for counts', () => {
    const target = { upstreamModel: 'claude-sonnet-4-5', options: {} }
    const asked = request('a, b', { betas: ['c'] })
    for (const call of [
      anthropicAdapter.encodeRequest(asked, target),
      anthropicAdapter.encodeCountTokens?.(asked, target),
    ]) {
      expect(call?.headers['anthropic-beta']).toBe('c,a,b')
      expect(call?.body).not.toHaveProperty('betas')
    }
  })

  it('is named as the caller sent it where a target cannot be told', () => {
    const wires = (header: string | null, more: object = {}) =>
      classify(request(header, more)).wires
    expect(wires('a')).toEqual([
      { wire: 'anthropic-messages', param: 'anthropic-beta', hard: false },
    ])
    expect(wires(null, { betas: ['a'] })).toMatchObject([{ param: 'betas' }])
  })

  it.each([
    ['a line break', 'a\r\nx-api-key: b'],
    ['a space within', 'a b'],
    ['quotes', '"a"'],
    ['letters of no token', 'bêta'],
    ['too much', 'a'.repeat(1025)],
    ['too many', Array.from({ length: 33 }, (_, index) => `b${index}`).join(',')],
  ])('is refused by name with %s', (_what, header) => {
    expect(read(header)).toMatchObject({
      ok: false,
      error: { status: 400, code: 'invalid_request', param: 'anthropic-beta' },
    })
  })

  it.each([
    ['betas[1]', { betas: ['a', 'b\r\nc'] }],
    ['anthropic_beta', { anthropic_beta: 'a,b c' }],
  ])('is refused in the body too: %s', (param, more) => {
    expect(read(null, more)).toMatchObject({ ok: false, error: { status: 400, param } })
  })
})
