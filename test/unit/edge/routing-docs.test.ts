import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import routes from '../../../routes.json' with { type: 'json' }
import { root } from '../../../scripts/local-gateway.ts'
import { openAiChat } from '../../../worker/dialects/openai-chat/index.ts'
import { readConfig } from '../../../worker/edge/config.ts'
import { intentDoubts } from '../../../worker/edge/intent-lint.ts'
import {
  constraintSchema,
  dataFactsSchema,
  detectorsSchema,
  targetPolicyFields,
  tenantPolicyFields,
} from '../../../worker/edge/policy-schema.ts'
import { outcomeSchema } from '../../../worker/edge/rules-schema.ts'
import { createRuntime, type Runtime } from '../../../worker/edge/runtime.ts'
import { Exchange } from '../../../worker/engine/exchange.ts'
import { serveExplain } from '../../../worker/engine/serve-explain.ts'
import { listFacts, numberFacts, orderedFacts, textFacts } from '../../../worker/policy/rule.ts'
import { billing, FakeHost } from '../../support/fake-host.ts'

/** Every example of `docs/routing.md`: parts of a configuration, and requests with what becomes of them. */

interface Asking {
  readonly ask: {
    readonly content?: string | { readonly repeat: string; readonly times: number }
    readonly turns?: number
    readonly [field: string]: unknown
  }
  readonly tags?: string
  readonly deadlineMs?: number
  readonly from?: object
  readonly asks?: readonly string[] | number
  readonly route?: string
  /** How the reason of each step begins. */
  readonly reasons?: readonly string[]
  readonly status?: number
  readonly message?: string
}

interface Example {
  readonly title: string
  readonly config: object
  readonly asking: Asking[]
}

const page = readFileSync(join(root, 'docs/routing.md'), 'utf8')

function examplesOf(text: string): Example[] {
  const examples: Example[] = []
  let title = ''
  for (const [, heading, block] of text.matchAll(/^#+ (.+)$|^```json\n([^]*?)^```$/gm)) {
    if (heading !== undefined) title = heading
    if (block === undefined) continue
    const read = JSON.parse(block) as object
    if ('ask' in read) examples.at(-1)?.asking.push(read as Asking)
    else examples.push({ title, config: read, asking: [] })
  }
  return examples
}

const examples = examplesOf(page)

/** A part of a file over the whole of it: objects field by field, all else in place of what was there. */
function laidOver(base: unknown, part: unknown): unknown {
  if (!isObject(base) || !isObject(part)) return part
  const merged: Record<string, unknown> = { ...base }
  for (const [name, value] of Object.entries(part)) merged[name] = laidOver(base[name], value)
  return merged
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const secrets = ['OPENAI', 'ANTHROPIC', 'GEMINI', 'MISTRAL', 'GROQ', 'CEREBRAS', 'TOGETHER']
const more = ['DEEPINFRA', 'PERPLEXITY', 'COHERE', 'OPENROUTER']
const variables = {
  SWITCHYARD_ENVIRONMENT: 'production',
  AWS_ACCESS_KEY_ID: 'id',
  AWS_SECRET_ACCESS_KEY: 'secret',
  ...Object.fromEntries([...secrets, ...more].map((name) => [`${name}_API_KEY`, 'secret'])),
}

function runtimeOf(config: object): Runtime {
  const read = readConfig(laidOver(routes, config), { local: false })
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  return createRuntime(read.config, read.version, variables)
}

function inboundOf({ ask, tags, deadlineMs, from }: Asking): Request {
  const { content = 'Hello', turns = 1, ...body } = ask
  const text = typeof content === 'string' ? content : content.repeat.repeat(content.times)
  const messages = Array.from({ length: turns }, (_, turn) => ({
    role: turn % 2 === 0 ? 'user' : 'assistant',
    content: text,
  }))
  const request = new Request('https://gateway.example/v1/explain', {
    method: 'POST',
    headers: {
      ...(tags === undefined ? {} : { 'x-switchyard-tags': tags }),
      ...(deadlineMs === undefined ? {} : { 'x-switchyard-deadline-ms': String(deadlineMs) }),
    },
    body: JSON.stringify({ model: 'chat', messages, ...body }),
  })
  return Object.assign(request, { cf: from })
}

async function explained(runtime: Runtime, asking: Asking) {
  const { caller } = billing
  const exchange = new Exchange(
    'req_1',
    openAiChat,
    caller,
    'chat',
    null,
    new FakeHost(runtime).ports,
  )
  const reader = () => (body: unknown) => openAiChat.parse(body)
  const response = await serveExplain(inboundOf(asking), reader, caller, exchange)
  const answer = JSON.parse(await response.text()) as {
    readonly route?: string
    readonly steps?: readonly { readonly target: string; readonly reason: string }[]
    readonly error?: { readonly message: string }
  }
  return { status: response.status, ...answer }
}

describe('docs/routing.md', () => {
  it.each(examples)('$title', async ({ config, asking }) => {
    const runtime = runtimeOf(config)
    expect(asking.length).toBeGreaterThan(0)
    expect(intentDoubts(runtime)).toEqual([])
    for (const one of asking) {
      const answer = await explained(runtime, one)
      const { status = 200, asks, message, route } = one
      expect({ one, status: answer.status, error: answer.error?.message }).toMatchObject({ status })
      if (message !== undefined) expect(answer.error?.message).toContain(message)
      if (route !== undefined) expect(answer.route).toBe(route)
      const targets = (answer.steps ?? []).map(({ target }) => target)
      if (typeof asks === 'number') expect(targets).toHaveLength(asks)
      else if (asks !== undefined) expect(targets).toEqual(asks)
      if (one.reasons !== undefined) {
        const begin = (answer.steps ?? []).map(({ reason }, index) =>
          reason.slice(0, one.reasons?.[index]?.length),
        )
        expect(begin).toEqual(one.reasons)
      }
      // Each example says something.
      expect(asks ?? message).toBeDefined()
    }
  })

  it('has an example of every option', () => {
    const shown = new Set<string>()
    JSON.stringify(
      examples.map(({ config }) => config),
      (name, value: unknown) => {
        shown.add(name)
        return value
      },
    )
    const options = [
      ...Object.keys(constraintSchema.shape),
      ...Object.keys(dataFactsSchema.shape),
      ...Object.keys(targetPolicyFields),
      ...Object.keys(tenantPolicyFields),
      ...Object.keys(outcomeSchema.shape),
      'in',
      'glob',
      'range',
      'all',
      'any',
      'not',
      'tags',
      'stream',
      'rules',
      'detectors',
      ...textFacts,
      ...orderedFacts,
      ...numberFacts,
      ...listFacts,
    ]
    expect(options.filter((option) => !shown.has(option))).toEqual([])
  })

  it('names every detector and every option in words', () => {
    const options = [...Object.keys(detectorsSchema.shape), ...Object.keys(constraintSchema.shape)]
    expect(options.filter((option) => !page.includes(`\`${option}\``))).toEqual([])
  })
})
