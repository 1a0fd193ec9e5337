import fc from 'fast-check'
import { report } from './report.ts'

/** Settings of a property run; `SEED=n` replays one. The seed is printed with the count. */
export function seeded(name: string, numRuns: number): { seed: number; numRuns: number } {
  const given = Number(process.env['SEED'])
  const seed = Number.isSafeInteger(given) && given !== 0 ? given : Date.now() & 0x7fffffff
  report(`fuzz: ${name}: ${numRuns} runs, SEED=${seed}`)
  return { seed, numRuns }
}

const text = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.constantFrom('', ' ', '\u0000', '\ud800', '💥', '__proto__', '[DONE]', '\n\ndata: {}\n\n'),
)
const anything = fc.oneof(
  { weight: 3, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(null, -1, 1e308, 1e-308, 2 ** 53, '', [], {}, [[]], true),
  },
)
const schema = fc.constantFrom(
  { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  { type: 'object', properties: {}, additionalProperties: false },
  { type: 'array', items: { $ref: '#' } },
  {},
)
const toolName = fc.constantFrom('get_weather', 'a', 'x'.repeat(64), 'tool-1')
const callArguments = fc.constantFrom('{"city":"Kyiv"}', '{}', '', '{"half', '[1]', 'null')
const png =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const imageUrl = fc.constantFrom(
  `data:image/png;base64,${png}`,
  'https://images.example/cat.png',
  'data:image/png;base64,',
  'data:,x',
  'file:///etc/passwd',
  '',
)
const cacheMark = { cache_control: { type: 'ephemeral' } }

const openAiPart = fc.oneof(
  fc.record({ type: fc.constant('text'), text }),
  fc.record({
    type: fc.constant('image_url'),
    image_url: fc.record(
      { url: imageUrl, detail: fc.constantFrom('auto', 'low', 'high') },
      { requiredKeys: ['url'] },
    ),
  }),
  fc.constant({ type: 'input_audio', input_audio: { data: 'UklGRg==', format: 'wav' } }),
  fc.constant({
    type: 'file',
    file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERg==' },
  }),
  fc.constant({ type: 'text', text: 'cached', ...cacheMark }),
)

const openAiMessage = fc.oneof(
  fc.record({ role: fc.constantFrom('system', 'developer', 'user'), content: text }),
  fc.record({ role: fc.constant('user'), content: fc.array(openAiPart, { maxLength: 4 }) }),
  fc.record(
    {
      role: fc.constant('assistant'),
      content: fc.oneof(text, fc.constant(null)),
      tool_calls: fc.array(
        fc.record({
          id: fc.constantFrom('call_1', 'call_2', ''),
          type: fc.constant('function'),
          function: fc.record({ name: toolName, arguments: callArguments }),
        }),
        { maxLength: 3 },
      ),
      refusal: text,
      reasoning_content: text,
    },
    { requiredKeys: ['role', 'content'] },
  ),
  fc.record({
    role: fc.constant('tool'),
    tool_call_id: fc.constantFrom('call_1', 'call_2', 'call_9'),
    content: fc.oneof(text, fc.array(openAiPart, { maxLength: 2 })),
  }),
)

/** Bodies of Chat Completions with every feature now and then, right in their types. */
export const openAiBody = fc.record(
  {
    model: fc.constant('openai'),
    messages: fc.array(openAiMessage, { minLength: 1, maxLength: 5 }),
    temperature: fc.double({ min: 0, max: 2, noNaN: true }),
    top_p: fc.double({ min: 0, max: 1, noNaN: true }),
    max_tokens: fc.integer({ min: 1, max: 100_000 }),
    stop: fc.oneof(text, fc.array(text, { maxLength: 4 })),
    n: fc.integer({ min: 1, max: 3 }),
    seed: fc.integer(),
    logprobs: fc.boolean(),
    top_logprobs: fc.integer({ min: 0, max: 20 }),
    tools: fc.array(
      fc.record({
        type: fc.constant('function'),
        function: fc.record({ name: toolName, description: text, parameters: schema }),
      }),
      { maxLength: 3 },
    ),
    tool_choice: fc.constantFrom('auto', 'none', 'required', {
      type: 'function',
      function: { name: 'get_weather' },
    }),
    parallel_tool_calls: fc.boolean(),
    response_format: fc.constantFrom(
      { type: 'text' },
      { type: 'json_object' },
      { type: 'json_schema', json_schema: { name: 'answer', schema: { type: 'object' } } },
    ),
    reasoning_effort: fc.constantFrom('minimal', 'low', 'medium', 'high'),
    user: text,
    metadata: fc.dictionary(fc.string({ maxLength: 10 }), text, { maxKeys: 3 }),
    stream: fc.boolean(),
    stream_options: fc.record({ include_usage: fc.boolean() }),
    usage: fc.record({ include: fc.boolean() }),
    frequency_penalty: fc.double({ min: -2, max: 2, noNaN: true }),
    logit_bias: fc.constant({ '50256': -100 }),
    service_tier: fc.constantFrom('auto', 'default'),
  },
  { requiredKeys: ['model', 'messages'] },
)

const anthropicBlock = fc.oneof(
  fc.record({ type: fc.constant('text'), text }),
  fc.constant({ type: 'text', text: 'cached', ...cacheMark }),
  fc.constant({
    type: 'image',
    source: { type: 'base64', media_type: 'image/png', data: png },
  }),
  fc.record({
    type: fc.constant('image'),
    source: fc.record({ type: fc.constant('url'), url: imageUrl }),
  }),
  fc.constant({
    type: 'document',
    source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERg==' },
    citations: { enabled: true },
  }),
  fc.record({
    type: fc.constant('tool_result'),
    tool_use_id: fc.constantFrom('toolu_1', 'toolu_2'),
    content: text,
    is_error: fc.boolean(),
  }),
)

const anthropicMessage = fc.oneof(
  fc.record({ role: fc.constantFrom('user', 'assistant'), content: text }),
  fc.record({ role: fc.constant('user'), content: fc.array(anthropicBlock, { maxLength: 4 }) }),
  fc.record({
    role: fc.constant('assistant'),
    content: fc.array(
      fc.oneof(
        fc.record({ type: fc.constant('text'), text }),
        fc.record({
          type: fc.constant('tool_use'),
          id: fc.constantFrom('toolu_1', 'toolu_2'),
          name: toolName,
          input: fc.constantFrom({}, { city: 'Kyiv' }),
        }),
        fc.record({ type: fc.constant('thinking'), thinking: text, signature: text }),
        fc.record({ type: fc.constant('redacted_thinking'), data: text }),
      ),
      { maxLength: 3 },
    ),
  }),
)

/** Bodies of Messages with every feature now and then, right in their types. */
export const anthropicBody = fc.record(
  {
    model: fc.constant('anthropic'),
    max_tokens: fc.integer({ min: 1, max: 100_000 }),
    messages: fc.array(anthropicMessage, { minLength: 1, maxLength: 5 }),
    system: fc.oneof(text, fc.array(fc.record({ type: fc.constant('text'), text }))),
    temperature: fc.double({ min: 0, max: 1, noNaN: true }),
    top_k: fc.integer({ min: 1, max: 100 }),
    stop_sequences: fc.array(text, { maxLength: 4 }),
    stream: fc.boolean(),
    tools: fc.array(fc.record({ name: toolName, description: text, input_schema: schema }), {
      maxLength: 3,
    }),
    tool_choice: fc.constantFrom(
      { type: 'auto' },
      { type: 'any', disable_parallel_tool_use: true },
      { type: 'tool', name: 'get_weather' },
      { type: 'none' },
    ),
    thinking: fc.constantFrom({ type: 'enabled', budget_tokens: 2048 }, { type: 'disabled' }),
    metadata: fc.record({ user_id: text }),
    usage: fc.record({ include: fc.boolean() }),
  },
  { requiredKeys: ['model', 'max_tokens', 'messages'] },
)

/** `body` with up to three of its values, anywhere, replaced by anything at all. */
export function spoiled(body: fc.Arbitrary<object>): fc.Arbitrary<unknown> {
  const wounds = fc.array(fc.tuple(fc.nat(), anything), { maxLength: 3 })
  return fc
    .tuple(body, wounds)
    .map(([value, at]) =>
      at.reduce<unknown>((hurt, [where, what]) => replaceAt(hurt, where, what), value),
    )
}

function replaceAt(value: unknown, where: number, what: unknown): unknown {
  const paths = pathsOf(value)
  const path = paths[where % paths.length] ?? []
  if (path.length === 0) return what
  const copy = structuredClone(value) as Record<string, unknown>
  let inner = copy
  for (const key of path.slice(0, -1)) inner = inner[key] as Record<string, unknown>
  Object.defineProperty(inner, path.at(-1) ?? '', {
    value: what,
    enumerable: true,
    writable: true,
    configurable: true,
  })
  return copy
}

function pathsOf(value: unknown, here: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [here]
  return [here, ...Object.entries(value).flatMap(([key, one]) => pathsOf(one, [...here, key]))]
}

function zeros(count: number): string {
  return `[${'0,'.repeat(count - 1)}0]`
}

/** Texts that are JSON in name, or JSON that nobody expects. */
export const hostileTexts: readonly (readonly [string, string])[] = [
  ['deep arrays', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
  ['deep objects', `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`],
  ['depth without an end', '['.repeat(1_000_000)],
  [
    'many keys',
    `{${Array.from({ length: 200_000 }, (_, index) => `"k${index}":1`).join(',')},"model":"openai"}`,
  ],
  [
    '__proto__',
    '{"model":"openai","messages":[{"role":"user","content":"x"}],"__proto__":{"a":1}}',
  ],
  ['__proto__ escaped', '{"model":"openai","\\u005f\\u005fproto\\u005f\\u005f":{"polluted":1}}'],
  ['constructor', '{"model":"openai","messages":[{"role":"user","content":"x","constructor":{}}]}'],
  ['huge number', `{"model":"openai","messages":[],"max_tokens":${'9'.repeat(10_000)}}`],
  ['huge exponent', '{"model":"openai","messages":[],"temperature":1e99999}'],
  [
    'duplicate keys',
    '{"model":"nobody","model":"openai","messages":[],"messages":[{"role":"user","content":"x"}]}',
  ],
  [
    'lone surrogates',
    '{"model":"openai","messages":[{"role":"user","content":"\\ud800 \\udfff"}]}',
  ],
  ['long model', `{"model":"${'m'.repeat(100_000)}","messages":[{"role":"user","content":"x"}]}`],
  ['long key', `{"${'k'.repeat(1_000_000)}":1}`],
  ['half a string', '{"model":"openai'],
  ['comments', '{"model":"openai",/* x */"messages":[]}'],
  ['BOM', '\ufeff{"model":"openai","messages":[{"role":"user","content":"x"}]}'],
  ['NUL', '\u0000'],
  ['NaN', '{"model":"openai","temperature":NaN}'],
  [
    'many messages',
    `{"model":"openai","messages":[${'{"role":"user","content":"x"},'.repeat(9000)}{"role":"user","content":"x"}]}`,
  ],
  ['white space', ' '.repeat(1_000_000)],
  ['zeros for messages', `{"model":"openai","max_tokens":1,"messages":${zeros(150_000)}}`],
  [
    'zeros for parts',
    `{"model":"openai","max_tokens":1,"messages":[{"role":"user","content":${zeros(150_000)}}]}`,
  ],
  [
    'zeros for stops',
    `{"model":"openai","max_tokens":1,"messages":[],"stop_sequences":${zeros(150_000)}}`,
  ],
  ['zeros up to the cap of bytes', `{"model":"openai","messages":${zeros(10_000_000)}}`],
  [
    'fields of nobody',
    `{"model":"anthropic","max_tokens":1,"messages":[{"role":"user","content":"x"}],${Array.from({ length: 45_000 }, (_, index) => `"k${index}":1`).join(',')}}`,
  ],
]

/** Wounds of recorded bytes: flips, cuts, insertions, repetitions. */
export function mutated(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  const place = fc.nat({ max: Math.max(0, bytes.length - 1) })
  const wound = fc.oneof(
    fc.record({ kind: fc.constant('flip' as const), at: place, bit: fc.nat({ max: 7 }) }),
    fc.record({ kind: fc.constant('cut' as const), at: place, length: fc.nat({ max: 200 }) }),
    fc.record({ kind: fc.constant('repeat' as const), at: place, length: fc.nat({ max: 200 }) }),
    fc.record({
      kind: fc.constant('insert' as const),
      at: place,
      piece: fc.oneof(
        fc.uint8Array({ maxLength: 20 }),
        fc
          .constantFrom('\n\n', '\r', '\r\n\r\n', 'data: ', 'data: [DONE]\n\n', '\u0000', '{', '"')
          .map((piece) => new TextEncoder().encode(piece)),
      ),
    }),
    fc.record({ kind: fc.constant('end' as const), at: place }),
  )
  return fc.array(wound, { minLength: 1, maxLength: 4 }).map((wounds) => {
    let hurt = Buffer.from(bytes)
    for (const one of wounds) hurt = applyWound(hurt, one)
    return hurt
  })
}

type Wound =
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'cut' | 'repeat'; readonly at: number; readonly length: number }
  | { readonly kind: 'insert'; readonly at: number; readonly piece: Uint8Array }
  | { readonly kind: 'end'; readonly at: number }

function applyWound(bytes: Buffer, wound: Wound): Buffer<ArrayBuffer> {
  const at = Math.min(wound.at, bytes.length)
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)]
  switch (wound.kind) {
    case 'flip': {
      const copy = Buffer.from(bytes)
      copy[at] = (copy[at] ?? 0) ^ (1 << wound.bit)
      return copy
    }
    case 'cut':
      return Buffer.concat([before, after.subarray(wound.length)])
    case 'repeat':
      return Buffer.concat([before, after.subarray(0, wound.length), after])
    case 'insert':
      return Buffer.concat([before, wound.piece, after])
    case 'end':
      return Buffer.from(before)
  }
}
