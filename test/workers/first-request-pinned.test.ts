import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { runWorld, type AskOptions } from './run-world.ts'
import { ledgerWorld } from './tenant-ledger-world.ts'

/**
 * The first request of a pinned tenant in an isolate: its ledger is inside, and so is the object that runs it. One call
 * of that ledger brings the key, and the credit that the object is handed.
 */

const targets = Object.fromEntries(['gpt-4.1@eu-one', 'gpt-4.1@us-one'].map((name) => [name, {}]))
const file = {
  ledger: { mode: 'enforce' },
  targets,
  routes: { chat: { tiers: [['gpt-4.1@us-one'], ['gpt-4.1@eu-one']] } },
}

let calls: string[]
let made = 0

beforeEach(() => {
  ledgerWorld.reset()
  anotherIsolate()
  vi.stubGlobal('fetch', runWorld.fetch)
})

afterEach(() => vi.unstubAllGlobals())

/** Of its calls, those that a request waits for: what is only said is said behind an answer. */
function anotherIsolate(): void {
  runWorld.start(file)
  calls = []
  runWorld.onObject = (binding, name, what) => {
    if (binding !== 'TENANT_LEDGER') return
    const [, said] = JSON.parse(what) as [number, { key?: object; asks?: readonly object[] }?]
    const where = name.startsWith('stand-in-eu:') ? 'inside' : 'outside'
    if (said?.key !== undefined) calls.push(`open ${where}`)
    else if ((said?.asks ?? []).length > 0) calls.push(`exchange ${where}`)
  }
}

async function admin(method: string, path: string, body?: object) {
  const options = { method, path: `/admin/v1/tenants/${path}`, tenant: 'free' }
  const headers = { 'idempotency-key': crypto.randomUUID() }
  const response = await runWorld.ask(body ?? null, { ...options, headers })
  return (await response.json()) as Record<string, never>
}

/** A pinned tenant with a key and a budget, made in another isolate. */
async function tenant(limitUsd = '100.00') {
  made += 1
  const id = `first-${made}`
  await admin('PUT', id, { residency: 'eu' })
  await admin('PUT', `${id}/budgets`, [
    { scope: 'tenant', period: 'total', limitUsd, mode: 'hard' },
  ] as unknown as object)
  const { key } = await admin('POST', `${id}/keys`, { name: 'first' })
  anotherIsolate()
  return { id, key: String(key) }
}

async function ask(key: string, body: object = {}, more: AskOptions = {}) {
  const { headers = {} } = more
  const sent = { model: 'chat', messages: [{ role: 'user', content: 'Hello' }], ...body }
  const options = { ...more, headers: { authorization: `Bearer ${key}`, ...headers } }
  const response = await runWorld.ask(sent, options)
  await response.text()
  return response.status
}

/** Everything that came with a key has gone back, or is spent. */
async function settled(id: string): Promise<void> {
  await eventually(async () => {
    expect(await admin('GET', id)).toMatchObject({ openLeases: 0 })
  })
}

describe('the first request of a pinned tenant in an isolate', () => {
  it('makes one call inside, and one outside where nobody here has heard that it is pinned', async () => {
    const { id, key } = await tenant()
    expect(await ask(key)).toBe(200)
    expect(calls).toEqual(['open outside', 'open inside'])
    await settled(id)
    // Another key, of the same tenant: the word is known.
    const { key: second } = await admin('POST', `${id}/keys`, { name: 'second' })
    calls.length = 0
    expect(await ask(String(second))).toBe(200)
    expect(calls).toEqual(['open inside'])
    await settled(id)
  })

  it('makes one call near the cap as well', async () => {
    // Half of it pays for a request of 100 tokens, and no slice can be had of so little.
    const { id, key } = await tenant('0.01')
    expect(await ask(key, { max_tokens: 100 })).toBe(200)
    expect(calls).toEqual(['open outside', 'open inside'])
    await settled(id)
  })

  it('asks where it runs for what its credit does not pay', async () => {
    const { id, key } = await tenant('0.01')
    expect(await ask(key, { max_tokens: 1000 })).toBe(200)
    expect(calls).toEqual(['open outside', 'open inside', 'exchange inside'])
    await settled(id)
  })

  it.each([
    ['its body is refused', { messages: 'none' }, {}, 400],
    ['its endpoint is not built', {}, { path: '/v1/responses' }, 501],
  ])(
    'leaves nothing held when %s',
    async (_what, body, options, status) => {
      const { id, key } = await tenant()
      expect(await ask(key, body, options)).toBe(status)
      await settled(id)
    },
    15_000,
  )

  it('leaves nothing held when it is refused at the door', async () => {
    const { id, key } = await tenant()
    await admin('PUT', id, { residency: 'eu', strict: true })
    anotherIsolate()
    expect(await ask(key, {}, { cf: { colo: 'IAD', country: 'US', continent: 'NA' } })).toBe(451)
    await settled(id)
  })

  it('is handed nothing where another request may join it', async () => {
    const { id, key } = await tenant()
    expect(await ask(key, {}, { headers: { 'idempotency-key': 'k-1' } })).toBe(200)
    expect(calls.filter((call) => !call.startsWith('open'))).toEqual(['exchange inside'])
    await settled(id)
  })
})
