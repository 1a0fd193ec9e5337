import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseBySchema as anthropicBySchema } from '../../../worker/dialects/anthropic-messages/parse.ts'
import { parsePlain as anthropicPlain } from '../../../worker/dialects/anthropic-messages/parse-plain.ts'
import { parseBySchema as openAiBySchema } from '../../../worker/dialects/openai-chat/parse.ts'
import { parsePlain as openAiPlain } from '../../../worker/dialects/openai-chat/parse-plain.ts'

const seed = Number(process.env['SEED'] ?? 20_261_120)
console.log(`parse-plain seed ${seed}`)

/** What is no plain value of any field. */
const odd = fc.constantFrom<unknown>(null, '', -1, 7.5, [], {}, 'auto', Number.MAX_VALUE, true)

const message = (roles: readonly string[]) =>
  fc.record({ role: fc.constantFrom(...roles), content: fc.string({ minLength: 1 }) })

/** Plain bodies, and one in three with a field that is not. */
function bodiesOf(fields: Record<string, fc.Arbitrary<unknown>>, required: readonly string[]) {
  const plain = fc.record(fields, { requiredKeys: [...required] })
  const strange = fc.tuple(fc.constantFrom(...Object.keys(fields), 'seed', 'tools'), odd)
  const strangeMessage = fc
    .record({ role: fc.constantFrom('user', 'tool', ''), content: odd, name: fc.constant('ann') })
    .map((one) => ['messages', [one]] as const)
  return fc
    .tuple(plain, fc.option(fc.oneof(strange, strangeMessage), { freq: 2 }))
    .map(([body, change]) => (change === null ? body : { ...body, [change[0]]: change[1] }))
}

const openAiBody = bodiesOf(
  {
    model: fc.string({ minLength: 1 }),
    messages: fc.array(message(['system', 'developer', 'user', 'assistant']), { maxLength: 4 }),
    stream: fc.boolean(),
    stream_options: fc.record({ include_usage: fc.boolean() }),
    max_tokens: fc.integer({ min: 0, max: 2_000_000 }),
    temperature: fc.double({ min: -0.5, max: 2.5 }),
    top_p: fc.double({ min: 0, max: 1.1 }),
  },
  ['model', 'messages'],
)

const anthropicBody = bodiesOf(
  {
    model: fc.string({ minLength: 1 }),
    messages: fc.array(message(['user', 'assistant']), { maxLength: 4 }),
    system: fc.string(),
    max_tokens: fc.integer({ min: 0, max: 2_000_000 }),
    stream: fc.boolean(),
    temperature: fc.double({ min: -0.2, max: 1.2 }),
  },
  ['model', 'messages', 'max_tokens'],
)

describe.each([
  ['openai-chat', openAiBody, openAiPlain, openAiBySchema],
  ['anthropic-messages', anthropicBody, anthropicPlain, anthropicBySchema],
] as const)('parsePlain() of %s', (_name, bodies, plain, bySchema) => {
  it('gives what the schema gives, for every body that it reads', () => {
    let read = 0
    fc.assert(
      fc.property(bodies, (body) => {
        const quick = plain(body)
        if (quick === null) return
        read += 1
        expect({ ok: true, value: quick }).toEqual(bySchema(body))
      }),
      { seed, numRuns: 3000 },
    )
    expect(read).toBeGreaterThan(300)
  })

  it('leaves to the schema what it does not know', () => {
    const messages = [{ role: 'user', content: 'Hi' }]
    const base = { model: 'chat', messages, max_tokens: 5 }
    expect(plain(base)).not.toBeNull()
    for (const more of [
      { tools: [] },
      { base_url: 'https://evil.example' },
      { max_tokens: '5' },
      { messages: [] },
      { messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }] },
      { model: '' },
      { stream: 'yes' },
    ]) {
      expect(plain({ ...base, ...more })).toBeNull()
    }
    for (const role of ['tool', 'function', 'operator', '', null]) {
      expect(plain({ ...base, messages: [{ role, content: 'Hi' }] })).toBeNull()
    }
    for (const body of [null, [], 'x', 7]) expect(plain(body)).toBeNull()
  })
})
