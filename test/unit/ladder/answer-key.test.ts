import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CanonicalRequest } from '../../../worker/canonical/request.ts'
import { questionText } from '../../../worker/edge/cache/answer-key.ts'
import type { Question } from '../../../worker/engine/answer-port.ts'

/** Every field that a request can have: the type asks for each that is added. */
const full: Required<CanonicalRequest> = {
  model: 'chat',
  models: ['a', 'b'],
  provider: {
    order: ['x'],
    only: ['y'],
    ignore: ['z'],
    allowFallbacks: true,
    requireParameters: true,
    sort: 'price',
    maxPrice: { prompt: 1, completion: 2 },
    dataCollection: 'deny',
    zdr: true,
  },
  messages: [
    { role: 'system', content: [{ type: 'text', text: 'Be kind.' }], name: 'n', field: 'system' },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'Hello', cache: { ttl: '1h' } },
        { type: 'image', source: { kind: 'url', url: 'https://a.example/i' }, detail: 'low' },
        { type: 'toolResult', toolCallId: 't', content: [{ type: 'text', text: 'ok' }] },
      ],
    },
  ],
  tools: [
    {
      kind: 'function',
      name: 'f',
      description: 'd',
      parameters: { type: 'object', properties: { a: { type: 'string' } } },
      strict: true,
    },
  ],
  toolChoice: { type: 'tool', name: 'f' },
  parallelToolCalls: true,
  responseFormat: { type: 'jsonSchema', name: 's', schema: { type: 'object' }, strict: true },
  sampling: {
    temperature: 0.5,
    topP: 0.9,
    topK: 3,
    minP: 0.1,
    frequencyPenalty: 0.2,
    presencePenalty: 0.3,
    repetitionPenalty: 1.1,
    seed: 7,
    logitBias: { 50: 1 },
    logprobs: true,
    topLogprobs: 2,
    n: 2,
  },
  stop: ['END'],
  maxOutputTokens: 100,
  reasoning: { effort: 'low', budgetTokens: 1, enabled: true, hidden: true },
  outputModalities: ['text'],
  audioOutput: { voice: 'alloy' },
  userId: 'u',
  metadata: { k: 'v' },
  serviceTier: 'auto',
  promptCacheKey: 'p',
  verbosity: 'low',
  stream: false,
  includeUsage: true,
  includeCost: false,
  legacyFunctions: true,
  ignored: ['messages[0].prefix'],
  fields: { maxOutputTokens: 'max_tokens' },
  extensions: { 'openai-chat': { store: true } },
}

const question: Question = {
  tenant: 'demo',
  route: 'chat',
  configVersion: 'v1',
  dialect: 'openai-chat',
  request: full,
}

const keyOf = (request: object): string =>
  questionText({ ...question, request: request as CanonicalRequest })

type Path = readonly (string | number)[]

/** The places of all values that hold no others. */
function leaves(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path]
  return Object.entries(value).flatMap(([name, inner]) => leaves(inner, [...path, name]))
}

function changed(value: unknown, [name, ...rest]: Path, to: (leaf: unknown) => unknown): unknown {
  if (name === undefined) return to(value)
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<
    string,
    unknown
  >
  copy[name] = changed(copy[name], rest, to)
  return copy
}

function otherThan(leaf: unknown): unknown {
  if (typeof leaf === 'string') return `${leaf}.`
  return typeof leaf === 'number' ? leaf + 1 : leaf !== true
}

const handedOver = ['stream', 'includeUsage', 'includeCost']
const counting = leaves(full).filter(([name]) => !handedOver.includes(String(name)))

describe('the key of an answer', () => {
  it('changes with every value of a request, at every depth', () => {
    expect(counting.length).toBeGreaterThan(60)
    const keys = counting.map((path) => keyOf(changed(full, path, otherThan) as object))
    expect(new Set([keyOf(full), ...keys]).size).toBe(counting.length + 1)
  })

  it('changes when any field of a request is left out', () => {
    for (const name of Object.keys(full)) {
      if (handedOver.includes(name)) continue
      const { [name as keyof typeof full]: _gone, ...rest } = full
      expect(keyOf(rest), name).not.toBe(keyOf(full))
    }
  })

  it('changes with a field that nobody knows yet', () => {
    expect(keyOf({ ...full, somethingNew: 1 })).not.toBe(keyOf(full))
  })

  it('does not change with how the answer is handed over, nor with the order of names', () => {
    for (const name of handedOver) {
      const other = { ...full, [name]: full[name as 'stream'] !== true }
      expect(keyOf(other), name).toBe(keyOf(full))
    }
    expect(keyOf(Object.fromEntries(Object.entries(full).toReversed()))).toBe(keyOf(full))
  })

  it('changes with the tenant, the route, the configuration and the dialect', () => {
    const others: Partial<Question>[] = [
      { tenant: 'other' },
      { route: 'other' },
      { route: null },
      { configVersion: 'v2' },
      { dialect: 'anthropic-messages' },
    ]
    const keys = others.map((other) => questionText({ ...question, ...other }))
    expect(new Set([questionText(question), ...keys]).size).toBe(others.length + 1)
  })

  it('tells parts apart that would be the same text one behind the other', () => {
    const one = questionText({ ...question, configVersion: 'v1:a', dialect: 'b' })
    const other = questionText({ ...question, configVersion: 'v1', dialect: 'a:b' })
    expect(one).not.toBe(other)
  })

  it('is the same for no two questions, whatever stands in them', () => {
    const word = fc.string({ maxLength: 4, unit: fc.constantFrom('a', ':', '1', ' ', '"', '{') })
    const part = fc.record({
      tenant: word,
      route: fc.option(word),
      configVersion: word,
      dialect: word,
      text: word,
    })
    const keyOfPart = ({ text, ...rest }: { text: string } & Omit<Question, 'request'>) =>
      questionText({
        ...rest,
        request: { ...full, messages: [{ role: 'user', content: [{ type: 'text', text }] }] },
      })
    fc.assert(
      fc.property(part, part, (a, b) => {
        const isSame = JSON.stringify(a) === JSON.stringify(b)
        expect(keyOfPart(a) === keyOfPart(b)).toBe(isSame)
      }),
      { numRuns: 2000, seed: Number(process.env['SEED'] ?? 4711) },
    )
  })
})
