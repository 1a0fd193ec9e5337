import { afterAll, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { messagesSchema } from '../../../worker/dialects/anthropic-messages/schema.ts'
import type { Dialect } from '../../../worker/dialects/dialect.ts'
import { dialects } from '../../../worker/dialects/index.ts'
import { chatRequestSchema } from '../../../worker/dialects/openai-chat/schema.ts'
import { adapters } from '../../../worker/providers/index.ts'
import type { ProviderAdapter } from '../../../worker/providers/adapter.ts'
import { ask } from '../../support/every-field/ask-adapter.ts'
import { bodies, type Json } from '../../support/every-field/bodies.ts'
import {
  anywhere,
  fieldsOf,
  type Path,
  pathsIn,
  spelled,
  without,
} from '../../support/every-field/paths.ts'
import { reviewed, type Reviewed } from '../../support/every-field/reviewed.ts'
import { report } from '../../support/report.ts'

/** One model of each adapter that nobody has a rule for, and those that have rules of their own. */
const models: readonly (readonly [ProviderAdapter, string])[] = [
  ...[...adapters.values()].map((adapter) => [adapter, 'some-model'] as const),
  ...Object.entries({
    openai: ['gpt-4.1', 'gpt-5', 'gpt-5.6', 'o3'],
    anthropic: ['claude-sonnet-4-5', 'claude-sonnet-5-5', 'claude-opus-5-5'],
    bedrock: ['anthropic.claude-sonnet-4-5-v1:0', 'amazon.nova-2-lite-v1:0', 'openai.gpt-oss-20b'],
    gemini: ['gemini-2.5-flash', 'gemini-2.5-pro', 'gemini-3.8-flash'],
    mistral: ['mistral-large-4'],
    ollama: ['gpt-oss:20b'],
    openrouter: ['anthropic/claude-sonnet-4.5', 'openai/gpt-5'],
    xai: ['grok-4.3'],
  }).flatMap(([id, names]) => names.map((name) => [adapterOf(id), name] as const)),
]

function adapterOf(id: string): ProviderAdapter {
  const adapter = adapters.get(id)
  if (adapter === undefined) throw new Error(`there is no adapter "${id}"`)
  return adapter
}

const cases = Object.entries(bodies).flatMap(([id, named]) =>
  Object.entries(named).map(([name, body]) => ({ id: id as Dialect['id'], name, body })),
)

function parse(id: Dialect['id'], body: Json) {
  const parsed = dialects[id].parse(body)
  return parsed.ok ? parsed.value : null
}

/** A warning names a field, what holds it or something in it; of several places the first stands for all. */
function isNamed(path: Path, named: readonly string[]): boolean {
  const text = spelled(path)
  return named.some((name) => {
    const [shorter, longer] = name.length < text.length ? [name, text] : [text, name]
    const isInside = longer.startsWith(shorter) && /^(?:$|[.[])/.test(longer.slice(shorter.length))
    return isInside || (path.length > 2 && path.includes(lastField(name)) && !isTop(name))
  })
}

function lastField(name: string): string {
  return /([\w-]+)(?:\[\d+\])*$/.exec(name)?.[1] ?? name
}

function isTop(name: string): boolean {
  return !/[.[]/.test(name) || lastField(name) === 'content'
}

/** Thinking has many names, and is told of by the first that is used. */
function isThinking(path: Path, named: readonly string[]): boolean {
  const words = ['reasoning', 'thinking', 'enable_thinking', 'thinking_budget', 'include_reasoning']
  return words.includes(String(path[0])) && named.some((name) => words.includes(lastField(name)))
}

function reviewOf(path: Path, adapter: string, name: string): Reviewed | undefined {
  const field = anywhere(spelled(path))
  return reviewed.find(
    (one) =>
      (one.adapters?.includes(adapter) ?? true) &&
      (one.bodies?.includes(name) ?? true) &&
      (field === one.field ||
        field.startsWith(`${one.field}.`) ||
        field.startsWith(`${one.field}[`)),
  )
}

const used = new Set<Reviewed>()
const count = { expressed: 0, named: 0, refused: 0, reviewed: 0 }

afterAll(() => {
  const { expressed, named, refused, reviewed: rest } = count
  report(
    `every field: ${cases.length} bodies x ${models.length} models: ${expressed} fields change the call, ` +
      `${named} are named, ${rest} reviewed; ${refused} bodies refused by name; none lost`,
  )
})

/** Fields of `body` that change nothing, and that nobody hears of. */
function lostFields(
  { id, name, body }: (typeof cases)[number],
  [adapter, model]: (typeof models)[number],
): string[] {
  const request = parse(id, body)
  if (request === null) return ['the body itself']
  const whole = ask(request, adapter, model)
  if (whole.kind === 'refused') {
    count.refused += 1
    return []
  }
  return pathsIn(body).flatMap((path) => {
    // Without a field that the format requires there is no request: its holder is taken out instead.
    const lessRequest = parse(id, without(body, path))
    if (lessRequest === null) return []
    const less = ask(lessRequest, adapter, model)
    if (less.kind === 'refused' || less.call !== whole.call) {
      count.expressed += 1
      return []
    }
    if (isNamed(path, whole.named) || isThinking(path, whole.named)) {
      count.named += 1
      return []
    }
    const review = reviewOf(path, adapter.id, name)
    if (review === undefined) return [`${adapter.id} ${model}: ${spelled(path)}`]
    used.add(review)
    count.reviewed += 1
    return []
  })
}

function valueAt(body: Json, path: string): unknown {
  const steps = path.split(/[.[\]]+/).filter((step) => step !== '')
  return steps.reduce<unknown>((at, step) => (at as Json | undefined)?.[step], body)
}

describe('every field that a dialect accepts', () => {
  it.each([
    ['openai-chat', chatRequestSchema()],
    ['anthropic-messages', messagesSchema()],
  ] as const)('is in one of the bodies of this test: %s', (id, schema) => {
    const asJson = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
    const known = new Set(
      Object.values(bodies[id]).flatMap((body) =>
        pathsIn(body).map((path) => anywhere(spelled(path))),
      ),
    )
    const fields = [...fieldsOf(asJson as Parameters<typeof fieldsOf>[0])]
    expect(fields.length).toBeGreaterThan(50)
    expect(fields.filter((field) => !known.has(field))).toEqual([])
  })

  it.each(cases)('changes the call, is named, or keeps the target away: $id, $name', (one) => {
    expect(models.flatMap((model) => lostFields(one, model))).toEqual([])
  })

  it.each(cases)('is called what the caller calls it: $id, $name', ({ id, body }) => {
    const request = parse(id, body)
    if (request === null) throw new Error('the body was not read')
    for (const [adapter, model] of models) {
      const outcome = ask(request, adapter, model)
      const names =
        outcome.kind === 'sent' ? outcome.named : (/"([^"]+)"/.exec(outcome.reason)?.slice(1) ?? [])
      expect(outcome.kind === 'sent' || names.length > 0).toBe(true)
      for (const name of names)
        expect({ adapter: adapter.id, name, given: valueAt(body, name) !== undefined }).toEqual({
          adapter: adapter.id,
          name,
          given: true,
        })
    }
  })

  it('is let pass in silence for a reason that still holds', () => {
    expect(reviewed.filter((one) => !used.has(one)).map(({ field }) => field)).toEqual([])
  })
})
