import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from '../../../scripts/local-gateway.ts'
import { openAiChat } from '../../../worker/dialects/openai-chat/index.ts'
import { decisionsSchema } from '../../../worker/edge/gateway-schema.ts'
import { Exchange } from '../../../worker/engine/exchange.ts'
import { serveExplain } from '../../../worker/engine/serve-explain.ts'
import { billing, FakeHost, fakeRuntime, settings } from '../../support/fake-host.ts'

/** Every example of `docs/explain.md`: parts of a configuration, and requests with what is told of them. */

interface Asking {
  readonly ask: object
  readonly tags?: string
  readonly status?: number
  readonly is: object
}

interface Example {
  readonly title: string
  readonly config: object
  readonly asking: Asking[]
}

const page = readFileSync(join(root, 'docs/explain.md'), 'utf8')

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

const base = {
  ...settings,
  ledger: { mode: 'off' },
  targets: {
    'gpt-4.1@openai': {},
    'gpt-4.1-mini@backup': {},
    'gpt-4.1@third': {},
  },
  routes: { chat: { tiers: [['gpt-4.1@openai']] } },
}

/** A part of a file over the whole of it: objects field by field, all else in place of what was there. */
function laidOver(under: unknown, part: unknown): unknown {
  if (!isObject(under) || !isObject(part)) return part
  const merged: Record<string, unknown> = { ...under }
  for (const [name, value] of Object.entries(part)) merged[name] = laidOver(under[name], value)
  return merged
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

async function explained(config: object, { ask, tags }: Asking) {
  const { caller } = billing
  const host = new FakeHost(fakeRuntime(laidOver(base, config)))
  host.random = 0.5
  const exchange = new Exchange('req_1', openAiChat, caller, 'explain', null, host.ports)
  const messages = [{ role: 'user', content: 'Hello' }]
  const inbound = new Request('https://gateway.example/v1/explain', {
    method: 'POST',
    headers: tags === undefined ? {} : { 'x-switchyard-tags': tags },
    body: JSON.stringify({ messages, ...ask }),
  })
  const reader = () => (body: unknown) => openAiChat.parse(body)
  const response = await serveExplain(inbound, reader, caller, exchange)
  expect(host.asked).toEqual([])
  return { status: response.status, said: JSON.parse(await response.text()) as object }
}

const examples = examplesOf(page)

it('the page has examples, and each of them a request', () => {
  expect(examples.length).toBeGreaterThanOrEqual(4)
  expect(examples.every(({ asking }) => asking.length > 0)).toBe(true)
})

describe.each(examples)('docs/explain.md: $title', ({ config, asking }) => {
  it.each(asking)('$ask', async (one) => {
    const { status, said } = await explained(config, one)
    expect(said).toMatchObject(one.is)
    expect(status).toBe(one.status ?? 200)
  })
})

describe('docs/replay.md', () => {
  const blocks = [
    ...readFileSync(join(root, 'docs/replay.md'), 'utf8').matchAll(/^```json\n([^]*?)^```$/gm),
  ].map(([, block = '']) => JSON.parse(block) as { decisions: object })

  it.each(blocks)('shows what is a configuration: %j', (part) => {
    const { config } = fakeRuntime(laidOver(base, part))
    expect(config.decisions).toMatchObject(part.decisions)
  })

  it('shows every option', () => {
    const shown = new Set(blocks.flatMap(({ decisions }) => Object.keys(decisions)))
    expect([...shown].toSorted()).toEqual(Object.keys(decisionsSchema.shape).toSorted())
  })
})

describe('the fields of an answer', () => {
  /** First cells of the table under a heading. */
  const named = (heading: string) => {
    const part = page.split(`## ${heading}\n`)[1]?.split(/^## /m)[0] ?? ''
    const table = /^\| field[^\n]*\n\|-[^\n]*\n((?:\|[^\n]*\n)+)/m.exec(part)?.[1] ?? ''
    return [...table.matchAll(/^\| ([^|]+) \|/gm)].flatMap(([, cell = '']) =>
      [...cell.matchAll(/`([a-z_]+)`/g)].map(([, name]) => name),
    )
  }

  it('are those that the page lists', async () => {
    const { said } = await explained({}, { ask: { model: 'chat' }, is: {} })
    const answer = said as Record<string, object | readonly object[]>
    const { object: _object, ...fields } = answer
    expect(named('What it answers').toSorted()).toEqual(Object.keys(fields).toSorted())
    const [candidate = {}] = answer['candidates'] as readonly object[]
    expect(named('Candidates').toSorted()).toEqual(Object.keys(candidate).toSorted())
    const options = Object.keys(answer['options'] ?? {}).toSorted()
    expect(
      named('Options of the route')
        .filter((name) => name !== 'options')
        .toSorted(),
    ).toEqual(options)
  })
})
