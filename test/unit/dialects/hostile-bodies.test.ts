import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseCountTokens } from '../../../worker/dialects/anthropic-messages/index.ts'
import type { Parsed } from '../../../worker/dialects/dialect.ts'
import { dialects } from '../../../worker/dialects/index.ts'
import { hostileBodies } from './support.ts'

const parsers = [
  ['openai-chat', dialects['openai-chat'].parse],
  ['anthropic-messages', dialects['anthropic-messages'].parse],
  ['count_tokens', parseCountTokens],
] as const

function expectAnswer(parsed: Parsed<unknown>): void {
  if (parsed.ok) {
    expect(Object.getPrototypeOf(parsed.value)).toBe(Object.prototype)
    return
  }
  const { code, status, message, param } = parsed.error
  expect({ code, status }).toEqual({ code: 'invalid_request', status: 400 })
  expect(param).toBeTypeOf('string')
  expect(param).not.toBe('')
  expect(message).toMatch(/ (is required|must |is not accepted)/)
  expect(message.length).toBeLessThan(2000)
}

/** A body that is nearly right: one field of it is anything. */
const nearlyRight = fc
  .tuple(
    fc.constantFrom(
      'messages',
      'tools',
      'tool_choice',
      'thinking',
      'reasoning',
      'provider',
      'system',
      'stop',
      'response_format',
      'metadata',
      'usage',
      'output_config',
      'logit_bias',
    ),
    fc.jsonValue({ maxDepth: 4 }),
  )
  .map(([field, value]) => ({
    model: 'm',
    max_tokens: 1,
    messages: [{ role: 'user', content: 'x' }],
    [field]: value,
  }))

/** A message that is nearly right. */
const nearlyMessages = fc
  .tuple(
    fc.constantFrom('user', 'assistant', 'system', 'tool', 'function', 'developer'),
    fc.constantFrom('text', 'image_url', 'file', 'tool_use', 'tool_result', 'document', 'thinking'),
    fc.dictionary(
      fc.constantFrom('text', 'source', 'content', 'input', 'image_url'),
      fc.jsonValue(),
    ),
  )
  .map(([role, type, part]) => ({
    model: 'm',
    max_tokens: 1,
    messages: [{ role, content: [{ type, ...part }] }],
  }))

describe.each(parsers)('parse() of %s', (_name, parse) => {
  it('answers every hostile body with a request or an error, and never throws', () => {
    for (const body of hostileBodies) expectAnswer(parse(body))
  })

  it('answers arbitrary JSON with a request or an error that has code, param and message', () => {
    const bodies = fc.oneof(fc.jsonValue({ maxDepth: 4 }), nearlyRight, nearlyMessages)
    fc.assert(
      fc.property(bodies, (body) => expectAnswer(parse(body))),
      { numRuns: 1500 },
    )
  })

  it('does not let a body set a prototype', () => {
    const body = JSON.parse(
      '{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}],"own":1,"__proto__":{"polluted":true}}',
    )
    const parsed = parse(body)
    expect(parsed.ok).toBe(true)
    if (!parsed.ok) return
    const [extensions] = Object.values(parsed.value.extensions ?? {})
    expect(extensions).toEqual({ own: 1 })
    expect(Object.getPrototypeOf(extensions)).toBe(Object.prototype)
    expect(parsed.value.ignored).toEqual(['__proto__'])
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  it.each([
    [{ api_base: 'http://169.254.169.254/' }, 'api_base'],
    [{ base_url: 'http://x' }, 'base_url'],
    [{ api_key: 'sk' }, 'api_key'],
    [{ custom_host: 'x' }, 'custom_host'],
    [{ 'x-portkey-custom-host': 'x' }, 'x-portkey-custom-host'],
    [{ extra_headers: {} }, 'extra_headers'],
    [{ headers: {} }, 'headers'],
    [{ api_version: '1' }, 'api_version'],
    [{ aws_access_key_id: '1' }, 'aws_access_key_id'],
    [{ provider: { order: ['a'], base_url: 'x' } }, 'provider.base_url'],
    [{ config: { targets: [{ 'api-key': 'x' }] } }, 'config.targets[0].api-key'],
    [{ API_BASE: null }, 'API_BASE'],
  ])('refuses the destination in %j', (more, param) => {
    const parsed = parse({
      model: 'm',
      max_tokens: 1,
      messages: [{ role: 'user', content: 'x' }],
      ...more,
    })
    expect(parsed).toMatchObject({
      ok: false,
      error: { code: 'invalid_request', status: 400, param },
    })
  })
})
