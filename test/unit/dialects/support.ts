import fc from 'fast-check'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CanonicalEvent, ChoiceFinish } from '../../../worker/canonical/events.ts'
import type { Dialect, RenderContext } from '../../../worker/dialects/dialect.ts'

export { sseMessages } from '../../support/sse-messages.ts'

export const context: RenderContext = {
  requestId: 'req_1',
  model: 'chat',
  nowS: 1_790_000_000,
  includeUsage: true,
  includeCost: false,
  costUsd: () => 0.000123,
}

/** The whole stream that `dialect` writes for `events`. */
export function renderAll(
  dialect: Dialect,
  events: readonly CanonicalEvent[],
  more: Partial<RenderContext> = {},
): string {
  const renderer = dialect.createStreamRenderer({ ...context, ...more })
  return events.map((event) => renderer.render(event)).join('')
}

/** A `fetch` that answers every call with `body`. */
export function answering(body: string, type = 'text/event-stream'): typeof fetch {
  return async () => new Response(body, { headers: { 'content-type': type } })
}

export interface Case {
  readonly name: string
  readonly body: unknown
}

const fixtures = join(import.meta.dirname, '../../fixtures/dialects')
const corpus = join(import.meta.dirname, '../../../../shared/corpus')

/** The recorded bodies that the repository carries. */
export function recordedBodies(dialect: Dialect['id']): Case[] {
  return casesIn(join(fixtures, dialect), () => true)
}

/** Every accepted recorded body of `folder` in the corpus; none where the corpus is not there. */
export function corpusBodies(folder: string): Case[] {
  return casesIn(join(corpus, folder), (meta) => meta.status === 200)
}

function casesIn(folder: string, accept: (meta: { status?: number }) => boolean): Case[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder).flatMap((name) => {
    const request = join(folder, name, 'request.json')
    if (!existsSync(request)) return []
    const meta = JSON.parse(readFileSync(join(folder, name, 'meta.json'), 'utf8'))
    return accept(meta) ? [{ name, body: JSON.parse(readFileSync(request, 'utf8')) }] : []
  })
}

/** Text as a model may write it, with everything that could be taken for framing. */
export const anyText: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 12 }),
      fc.constantFrom(
        '\r',
        '\r\n',
        '\n\n',
        '\u2028',
        '\u2029',
        '\u0085',
        '\ud800',
        '\udc00',
        '\u0000',
        '\n\ndata: [DONE]\n\n',
        '\n\nevent: error\ndata: {}\n\n',
        '\n\nevent: message_stop\n\n',
        ': cost-usd 9',
        '"}',
        '\\',
      ),
    ),
    { minLength: 1, maxLength: 5 },
  )
  .map((pieces) => pieces.join(''))
  .filter((text) => text !== '')

type Segment = (state: { block: number; call: number }) => CanonicalEvent[]

const textSegment: fc.Arbitrary<Segment> = fc
  .array(anyText, { minLength: 1, maxLength: 4 })
  .map((texts) => (state) => {
    const block = state.block++
    return texts.map((text) => ({ type: 'text' as const, choice: 0, text, block }))
  })

const thoughtSegment: fc.Arbitrary<Segment> = fc
  .tuple(fc.array(anyText, { minLength: 1, maxLength: 3 }), fc.boolean())
  .map(([texts, signed]) => (state) => {
    const block = state.block++
    const common = { type: 'reasoning' as const, choice: 0, block }
    const wire = 'anthropic-messages' as const
    const told: CanonicalEvent[] = texts.map((text) => ({ ...common, text }))
    return signed ? [...told, { ...common, text: '', signature: `sig${block}`, wire }] : told
  })

const argumentsText = fc
  .dictionary(fc.string({ maxLength: 6 }), fc.oneof(anyText, fc.integer(), fc.boolean()), {
    maxKeys: 3,
  })
  .map((value) => JSON.stringify({ ...value }))

/** Up to three calls whose arguments come cut and interleaved. */
const callsSegment: fc.Arbitrary<Segment> = fc
  .tuple(
    fc.array(argumentsText, { minLength: 1, maxLength: 3 }),
    fc.boolean(),
    fc.integer({ min: 1, max: 9 }),
  )
  .map(([calls, interleaved, step]) => (state) => {
    const starts: CanonicalEvent[] = []
    const pieces: CanonicalEvent[][] = []
    for (const text of calls) {
      const index = state.call++
      starts.push({
        type: 'toolCallStart',
        choice: 0,
        index,
        id: `call_${index}`,
        name: `f${index}`,
      })
      const own: CanonicalEvent[] = []
      for (let at = 0; at < text.length; at += step)
        own.push({ type: 'toolCallArguments', choice: 0, index, text: text.slice(at, at + step) })
      pieces.push(own)
    }
    if (!interleaved) return starts.flatMap((start, at) => [start, ...(pieces[at] ?? [])])
    const longest = Math.max(...pieces.map((own) => own.length))
    const mixed = Array.from({ length: longest }, (_, at) => pieces.flatMap((own) => own[at] ?? []))
    return [...starts, ...mixed.flat()]
  })

const finishReasons = fc.constantFrom<ChoiceFinish['reason']>(
  'stop',
  'length',
  'toolCalls',
  'contentFilter',
)

/** Whole streams of choice 0. */
export const anyStream: fc.Arbitrary<CanonicalEvent[]> = fc
  .tuple(
    fc.array(fc.oneof(textSegment, thoughtSegment, callsSegment), { maxLength: 6 }),
    finishReasons,
    fc.nat(5000),
    fc.nat(5000),
  )
  .map(([segments, reason, inputTokens, outputTokens]) => {
    const state = { block: 0, call: 0 }
    return [
      { type: 'start', id: 'id_1', model: 'model-1', createdS: 1_790_000_001 },
      ...segments.flatMap((segment) => segment(state)),
      { type: 'usage', usage: { inputTokens, outputTokens } },
      { type: 'finish', choices: [{ choice: 0, reason }] },
    ]
  })

/** Bodies that nobody means well with. */
export const hostileBodies: readonly unknown[] = [
  undefined,
  null,
  0,
  NaN,
  '',
  [],
  [[]],
  {},
  JSON.parse('{"__proto__":{"model":"m"},"messages":[]}'),
  JSON.parse(
    '{"model":"m","messages":[{"role":"user","content":"x"}],"__proto__":{"stream":true}}',
  ),
  { model: 'm', messages: [nested(5000)] },
  { model: 'm', messages: nested(5000) },
  { model: 'm', max_tokens: 1, messages: [{ role: 'user', content: 'x' }], deep: nested(5000) },
  { model: 'm', max_tokens: 1e308, messages: [{ role: 'user', content: 'x' }] },
  { model: 'm', max_tokens: -0, messages: [{ role: 'constructor', content: 'x' }] },
  { model: 'm', messages: { length: 1, 0: {} } },
  { model: { toString: 'm' }, messages: [{}] },
  { model: 'm', max_tokens: 1, messages: [{ role: 'user', content: [{ type: '__proto__' }] }] },
  { model: 'm', max_tokens: 1, messages: [{ role: 'user', content: [{ type: 'toString' }] }] },
]

function nested(depth: number): unknown {
  let value: unknown = 'x'
  for (let at = 0; at < depth; at++) value = at % 2 === 0 ? [value] : { content: value }
  return value
}
