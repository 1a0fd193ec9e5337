import fc from 'fast-check'
import * as z from 'zod/mini'
import { describe, expect, it } from 'vitest'
import { parseCountTokens } from '../../../worker/dialects/anthropic-messages/index.ts'
import { dialects } from '../../../worker/dialects/index.ts'
import { dictionary, list } from '../../../worker/dialects/shared/list.ts'
import { readBody } from '../../../worker/dialects/shared/read-body.ts'

const seed = Number(process.env['SEED'] ?? 20_261_126)

/** More faults than the stack has room for when they are handed over at once. */
const many = 300_000

/** A number that is no zero; counts how often it was asked. */
function counted() {
  const asked = { times: 0 }
  const schema = z.custom<number>((value) => {
    asked.times += 1
    return typeof value === 'number' && value !== 0
  }, 'must not be zero')
  return { asked, schema }
}

const named = z.looseObject({ name: z.string().check(z.minLength(1)), of: z.nullish(z.boolean()) })
const anyNamed = fc.oneof(
  fc.record({ name: fc.string(), of: fc.constantFrom(null, true, false) }),
  fc.jsonValue({ maxDepth: 2 }),
)

/** What zod itself makes of a value, less all faults behind those of the first element. */
function firstOf(result: z.core.util.SafeParseResult<unknown>) {
  if (result.success) return { data: result.data }
  const [first] = result.error.issues
  const place = first?.path[0]
  return { issues: result.error.issues.filter(({ path }) => path[0] === place) }
}

describe('list() and dictionary()', () => {
  it(`read what zod reads, and name the same first fault (seed ${seed})`, () => {
    const values = fc.oneof(fc.array(anyNamed, { maxLength: 6 }), fc.jsonValue({ maxDepth: 2 }))
    const pairs = fc.oneof(fc.dictionary(fc.string(), anyNamed, { maxKeys: 6 }), values)
    const property = fc.property(values, pairs, (array, object) => {
      const [ours, theirs] = [list(named), z.array(named)]
      expect(firstOf(ours.safeParse(array))).toEqual(firstOf(theirs.safeParse(array)))
      const [own, record] = [dictionary(named), z.record(z.string(), named)]
      expect(firstOf(own.safeParse(object))).toEqual(firstOf(record.safeParse(object)))
    })
    fc.assert(property, { seed, numRuns: 1500 })
  })

  it('stop at the first fault', () => {
    for (const bad of [[1, 2, 0, 0, 0, 0], { a: 1, b: 2, c: 0, d: 0, e: 0, f: 0 }]) {
      const { asked, schema } = counted()
      const whole: z.ZodMiniType = Array.isArray(bad) ? list(schema) : dictionary(schema)
      const { error } = whole.safeParse(bad)
      expect(error?.issues.map(({ path }) => path)).toEqual([[Array.isArray(bad) ? 2 : 'c']])
      expect(asked.times).toBe(3)
    }
  })

  it('keep the rules that are put on them, and copy no prototype', () => {
    const few = list(z.string()).check(z.maxLength(2))
    expect(few.safeParse(['a', 'b']).success).toBe(true)
    expect(few.safeParse(['a', 'b', 'c']).error?.issues).toMatchObject([{ code: 'too_big' }])
    const hostile: unknown = JSON.parse('{"__proto__":{"polluted":1},"a":"b"}')
    const copy = dictionary(z.unknown()).parse(hostile)
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype)
    expect(copy).toEqual({ a: 'b' })
  })
})

const user = { role: 'user', content: 'x' }
const repeated = (value: unknown) => Array.from({ length: many }, () => value)
const pairsOf = (value: unknown) =>
  Object.fromEntries(Array.from({ length: many }, (_, index) => [`k${index}`, value]))

describe('bodies with more faults than the stack holds', () => {
  const chat = dialects['openai-chat'].parse
  const messages = dialects['anthropic-messages'].parse

  it.each([
    ['chat', chat, 'messages[0]', { messages: repeated(0) }],
    ['chat', chat, 'messages[0].role', { messages: repeated({}) }],
    ['chat', chat, 'messages[0].content[0]', { messages: [{ ...user, content: repeated(0) }] }],
    ['chat', chat, 'tools[0]', { tools: repeated(0) }],
    [
      'chat',
      chat,
      'messages[0].tool_calls[0].type',
      { messages: [{ role: 'assistant', tool_calls: repeated({}) }] },
    ],
    ['chat', chat, 'modalities[0]', { modalities: repeated(0) }],
    ['chat', chat, 'models[0]', { models: repeated(0) }],
    ['chat', chat, 'models[0]', { models: repeated('') }],
    ['chat', chat, 'provider.only[0]', { provider: { only: repeated(0) } }],
    ['chat', chat, 'logit_bias.k0', { logit_bias: pairsOf('x') }],
    ['chat', chat, 'metadata.k0', { metadata: pairsOf(0) }],
    ['messages', messages, 'messages[0]', { messages: repeated(0) }],
    ['messages', messages, 'stop_sequences[0]', { stop_sequences: repeated(0) }],
    ['messages', messages, 'system[0]', { system: repeated([]) }],
    ['messages', messages, 'tools[0].name', { tools: repeated({}) }],
    [
      'messages',
      messages,
      'messages[0].content[0]',
      { messages: [{ ...user, content: repeated(0) }] },
    ],
    ['count_tokens', parseCountTokens, 'messages[0]', { messages: repeated(0) }],
  ] as const)('%s: the first one is told: %s %s', (_name, parse, param, more) => {
    const parsed = parse({ model: 'm', max_tokens: 1, messages: [user], ...more })
    expect(parsed).toMatchObject({ ok: false, error: { status: 400, param } })
  })

  it('are refused by name whatever the schema', () => {
    const read = readBody(z.looseObject({ a: z.array(z.string()) }), { a: repeated(0) })
    expect(read).toMatchObject({ ok: false, error: { code: 'invalid_request', status: 400 } })
  })
})

describe('models and provider', () => {
  const parse = dialects['openai-chat'].parse
  const ask = (more: object) => parse({ model: 'm', messages: [user], ...more })
  const names = (count: number, name = 'openai') => Array.from({ length: count }, () => name)

  it.each(['models', 'provider.order', 'provider.only', 'provider.ignore'])(
    '%s: at most 64 names of 512 characters',
    (param) => {
      const [field = '', inner] = param.split('.')
      const at = (value: unknown) =>
        ask({ [field]: inner === undefined ? value : { [inner]: value } })
      expect(at(names(64)).ok).toBe(true)
      expect(at(['n'.repeat(512)]).ok).toBe(true)
      expect(at(names(65))).toMatchObject({
        ok: false,
        error: { param, message: `${param} must have at most 64 item(s), but is an array of 65` },
      })
      expect(at(['n'.repeat(513)])).toMatchObject({ ok: false, error: { param: `${param}[0]` } })
    },
  )
})
