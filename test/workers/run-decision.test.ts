import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { runObjectName } from '../../durable-objects/run/place.ts'
import { replay } from '../../scripts/replay/replay.ts'
import { readRecords } from '../../scripts/replay/read-records.ts'
import type { RequestView } from '../../worker/edge/requests.ts'
import { eventually } from '../support/eventually.ts'
import { type AskOptions, runWorld } from './run-world.ts'

/**
 * The decision record of a pinned request: it stays in the object that ran it, in the jurisdiction, and gives the same
 * plan again.
 */

const hello = { model: 'chat', messages: [{ role: 'user', content: 'Hello' }] }
const namespace = env.RUN as unknown as DurableObjectNamespace

let lines: string[]

beforeEach(() => {
  runWorld.start()
  vi.stubGlobal('fetch', runWorld.fetch)
  lines = []
  vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line))
})

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

function objectOf(runId: string, tenant = 'pinned') {
  return namespace.get(namespace.idFromName(`stand-in-eu:${runObjectName(tenant, runId)}`))
}

async function rowsOf(runId: string, tenant = 'pinned'): Promise<readonly string[]> {
  return runInDurableObject(objectOf(runId, tenant), (_object, state) => {
    const { sql } = state.storage
    const tables = sql.exec("SELECT name FROM sqlite_master WHERE name = 'run'").toArray()
    if (tables.length === 0) return []
    return sql
      .exec('SELECT head FROM run')
      .toArray()
      .map(({ head }) => new TextDecoder().decode(head as ArrayBuffer))
  })
}

/** Asks, and answers the id of the request when all of its answer is there. */
async function ask(body: object, options: AskOptions = {}): Promise<string> {
  const response = await runWorld.ask(body, options)
  await response.text()
  return response.headers.get('x-switchyard-request-id') ?? ''
}

async function viewOf(id: string, options: AskOptions = {}): Promise<RequestView> {
  const answer = await runWorld.ask(null, { method: 'GET', path: `/v1/requests/${id}`, ...options })
  expect(answer.status).toBe(200)
  return (await answer.json()) as RequestView
}

const kept = (id: string) => eventually(async () => expect(await rowsOf(id)).toHaveLength(1))

describe('the decision of a pinned request', () => {
  it('is in no log line, and in the record that its own tenant may ask for', async () => {
    const id = await ask(hello)
    await kept(id)
    const { decision, status } = await viewOf(id)
    expect(decision).toMatchObject({
      names: ['chat'],
      tenant: 'pinned',
      steps: ['gpt-4.1@eu-one', 'claude-sonnet-4-5@eu-two'],
      key: { residency: 'eu' },
      exclusions: [{ target: 'gpt-4.1@us-one', reason: 'it does not process in "eu" alone' }],
    })
    expect(status).toBe(200)
    expect(lines.filter((line) => line.includes('"event":"request"'))).toHaveLength(1)
    expect(lines.join('')).not.toMatch(/decision|seed/)
  })

  it('gives the same plan again: the answer of GET /v1/requests/{id} is a record', async () => {
    const id = await ask({ ...hello, provider: { order: ['eu-two'] } })
    const { records } = readRecords(JSON.stringify(await viewOf(id)))
    expect(records).toHaveLength(1)
    for (const { record, regions } of records) {
      expect(replay(record, runWorld.isolate.runtime).isSame).toBe(true)
      expect(record.steps[0]).toBe('claude-sonnet-4-5@eu-two')
      expect(regions).toBe('eu')
    }
  })

  it.each([
    ['abroad', 451, 'region_unavailable'],
    ['secret-project', 404, 'unknown_model'],
  ] as const)('is there for one that is refused: %s', async (model, status, code) => {
    const id = await ask({ ...hello, model })
    const { decision } = await viewOf(id)
    expect(decision).toMatchObject({ names: [model], steps: [], refused: { status, code } })
    expect(decision && replay(decision, runWorld.isolate.runtime).isSame).toBe(true)
    expect(lines.join('')).not.toMatch(/secret-project|decision/)
  })

  it('leaves the name of a field that is wrong to the record, and out of the log', async () => {
    const metadata = { 'secret-project': 7 }
    await ask({ ...hello, metadata })
    const refused = lines.filter((line) => line.includes('"event":"request"'))
    expect(refused).toHaveLength(1)
    expect(refused[0]).toContain('"error.type":"invalid_request"')
    expect(refused[0]).not.toMatch(/secret-project|error\.param/)
  })

  it('is there after its object was evicted; sealed', async () => {
    const id = await ask(hello)
    await kept(id)
    for (const head of await rowsOf(id)) expect(head).not.toMatch(/gpt|chat|decision|pinned/)
    await evictDurableObject(objectOf(id))
    expect((await viewOf(id)).decision).toMatchObject({ names: ['chat'] })
  })

  it('is forgotten when its time is over', async () => {
    runWorld.start({ decisions: { keepPinnedForMs: 120_000 } })
    const id = await ask(hello)
    await kept(id)
    await evictDurableObject(objectOf(id))
    runWorld.aheadMs = 119_000
    await viewOf(id)
    runWorld.aheadMs = 121_000
    const answer = await runWorld.ask(null, { method: 'GET', path: `/v1/requests/${id}` })
    expect(answer.status).toBe(404)
    await answer.text()
    await runDurableObjectAlarm(objectOf(id))
    expect(await rowsOf(id)).toEqual([])
  })

  it.each(['free', 'american', 'strict'])('is not told to the tenant "%s"', async (tenant) => {
    const id = await ask(hello)
    const path = `/v1/requests/${id}`
    const answer = await runWorld.ask(null, { method: 'GET', path, tenant })
    expect(answer.status).toBe(404)
    await answer.text()
  })

  it('of a tenant that lets nothing be kept is written nowhere', async () => {
    const id = await ask(hello, { tenant: 'forgetful' })
    expect((await viewOf(id, { tenant: 'forgetful' })).decision).toMatchObject({ names: ['chat'] })
    await evictDurableObject(objectOf(id, 'forgetful'))
    expect(await rowsOf(id, 'forgetful')).toEqual([])
  })

  it('is not kept where the configuration keeps none, and not of an explanation, which holds it', async () => {
    const explained = await ask({ ...hello, path: '/v1/chat/completions' }, { path: '/v1/explain' })
    runWorld.start({ decisions: { mode: 'off' } })
    const id = await ask(hello)
    expect((await viewOf(id)).decision).toBeNull()
    for (const one of [explained, id]) {
      await evictDurableObject(objectOf(one))
      expect(await rowsOf(one)).toEqual([])
    }
  })

  it('is found by the idempotency key of the request, which is another name for its object', async () => {
    const headers = { 'idempotency-key': 'order-1' }
    const id = await ask(hello, { headers })
    expect(await viewOf(id, { headers })).toMatchObject({ id, decision: { names: ['chat'] } })
    const path = `/v1/requests/req_${'0'.repeat(32)}`
    const other = await runWorld.ask(null, { method: 'GET', path, headers })
    expect(other.status).toBe(404)
    await other.text()
  })

  it('is no answer that a retry is given', async () => {
    const headers = { 'idempotency-key': 'order-2' }
    await ask(hello, { headers })
    const again = await runWorld.ask(hello, { headers })
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, null])
    await again.text()
    expect(runWorld.outgoing).toHaveLength(2)
  })

  it('stands beside an answer that is kept, and behind it where that came to nothing', async () => {
    const headers = { 'idempotency-key': 'order-3' }
    const long = { ...hello, model: 'long' }
    runWorld.upstream = () => new Response('{}', { status: 400 })
    const failed = await ask(long, { headers })
    await eventually(async () =>
      expect(await viewOf(failed, { headers })).toMatchObject({ decision: { names: ['long'] } }),
    )
    runWorld.upstream = null
    const whole = await ask(long, { headers })
    expect(await viewOf(whole, { headers })).toMatchObject({
      id: whole,
      ending: 'finished',
      decision: { names: ['long'] },
    })
    const again = await runWorld.ask(long, { headers })
    expect(again.headers.get('idempotency-replayed')).toBe('true')
    await again.text()
  })
})
