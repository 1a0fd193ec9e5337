import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { pinnedLedgerName } from '../../durable-objects/tenant-ledger/place.ts'
import type { TenantLedgerRpc } from '../../durable-objects/tenant-ledger/rpc.ts'
import { eventually } from '../support/eventually.ts'
import { keyOf, runWorld } from './run-world.ts'
import { ledgerWorld } from './tenant-ledger-world.ts'

/** A tenant that is made over the admin plane and pinned: what the edge learns of it, and where its money lies. */

const hello = { model: 'chat', messages: [{ role: 'user', content: 'Hello' }] }

beforeEach(() => {
  ledgerWorld.reset()
  anotherIsolate()
  vi.stubGlobal('fetch', runWorld.fetch)
})

afterEach(() => {
  vi.unstubAllGlobals()
})

function anotherIsolate(): void {
  runWorld.start({ ledger: { mode: 'enforce' } })
}

async function admin(method: string, path: string, body?: object) {
  const response = await runWorld.ask(body ?? null, {
    method,
    path: `/admin/v1/tenants/${path}`,
    tenant: 'free',
    headers: { 'idempotency-key': crypto.randomUUID() },
  })
  return { status: response.status, body: (await response.json()) as Record<string, never> }
}

let made = 0

/** A pinned tenant with a key, as an operator makes one. */
async function tenantIn(residency: string): Promise<{ id: string; key: string }> {
  made += 1
  const id = `acme-${made}`
  expect(await admin('PUT', id, { residency })).toMatchObject({ status: 200, body: { residency } })
  const { body } = await admin('POST', `${id}/keys`, { name: 'first' })
  return { id, key: String(body['key']) }
}

function ask(key: string, body: object = hello, headers: Record<string, string> = {}) {
  return runWorld.ask(body, { headers: { authorization: `Bearer ${key}`, ...headers } })
}

const namespace = env.TENANT_LEDGER as unknown as DurableObjectNamespace

const tablesOf = (name: string) =>
  runInDurableObject(namespace.get(namespace.idFromName(name)), (_object, state) =>
    state.storage.sql
      .exec<{ name: string }>(
        "SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_%' ESCAPE '\\'",
      )
      .toArray(),
  )

it('is known as pinned in any isolate, before anything of a request is read', async () => {
  const { id, key } = await tenantIn('eu')
  anotherIsolate()
  const response = await ask(key)
  expect([response.status, response.headers.get('x-switchyard-provider')]).toEqual([200, 'eu-one'])
  await response.text()
  const ledgers = runWorld.names.filter((name) => name.startsWith('TENANT_LEDGER '))
  expect(ledgers.slice(0, 2)).toEqual([
    `TENANT_LEDGER ${id}`,
    `TENANT_LEDGER stand-in-eu:${pinnedLedgerName(id)}`,
  ])
  // The second request asks the one inside alone.
  runWorld.names.length = 0
  await (await ask(key)).text()
  expect(runWorld.names).not.toContain(`TENANT_LEDGER ${id}`)
})

it('has its keys, budgets and lines inside, and nothing but the word where they are outside', async () => {
  const { id, key } = await tenantIn('eu')
  const budgets = [{ scope: 'tenant', period: 'day', limitUsd: '1.00', mode: 'hard' }]
  expect((await admin('PUT', `${id}/budgets`, budgets)).status).toBe(200)
  const response = await ask(key)
  const requestId = response.headers.get('x-switchyard-request-id')
  await response.text()
  expect(response.headers.get('x-switchyard-budget-remaining-usd')).not.toBeNull()
  await eventually(async () => {
    const path = `/v1/requests/${requestId}`
    const known = await runWorld.ask(null, {
      method: 'GET',
      path,
      headers: { authorization: `Bearer ${key}` },
    })
    expect(await known.json()).toMatchObject({ attempts: [{ basis: 'exact' }] })
  })
  expect(await tablesOf(id)).toEqual([])
  expect(await tablesOf(`stand-in-eu:${pinnedLedgerName(id)}`)).not.toEqual([])
})

it('is not pinned to another place, and not unpinned', async () => {
  const { id, key } = await tenantIn('eu')
  anotherIsolate()
  expect((await admin('PUT', id, { residency: 'us' })).status).toBe(409)
  expect(await admin('PUT', id, {})).toMatchObject({ status: 200, body: { residency: 'eu' } })
  const response = await ask(key)
  expect(response.headers.get('x-switchyard-provider')).toBe('eu-one')
  await response.text()
})

it('is not pinned once there is anything of it outside', async () => {
  made += 1
  const id = `acme-${made}`
  expect((await admin('PUT', id, {})).status).toBe(200)
  expect((await admin('PUT', id, { residency: 'eu' })).status).toBe(409)
})

it('lets nothing be written into its ledger outside', async () => {
  const { id } = await tenantIn('eu')
  const why = await runInDurableObject(namespace.get(namespace.idFromName(id)), async (object) => {
    const ledger = object as unknown as TenantLedgerRpc
    try {
      return await ledger.configure(1, { budgets: [], limits: [], actor: 'ops' })
    } catch (fault) {
      return String(fault)
    }
  })
  expect(why).toContain('inside its jurisdiction')
})

it('holds for each request by itself, and leases nothing', async () => {
  const { id, key } = await tenantIn('eu')
  const budgets = [{ scope: 'tenant', period: 'day', limitUsd: '100.00', mode: 'hard' }]
  await admin('PUT', `${id}/budgets`, budgets)
  for (let request = 0; request < 5; request++) await (await ask(key)).text()
  await eventually(async () => {
    expect((await admin('GET', id)).body).toMatchObject({ openLeases: 0 })
  })
})

it('is served nowhere when routes.json says that it is elsewhere', async () => {
  const { id, key } = await tenantIn('eu')
  runWorld.start({ ledger: { mode: 'enforce' }, tenants: { free: {}, [id]: {} } })
  for (const one of [key, keyOf(id), key, keyOf(id)]) {
    const refused = await ask(one)
    expect([451, 503]).toContain(refused.status)
    await refused.text()
  }
  expect([runWorld.outgoing, runWorld.runs]).toEqual([[], []])
})

it('whose key the deployment proves is not served while only its ledger could say where it is', async () => {
  runWorld.start({ ledger: { mode: 'enforce' }, tenants: { free: {}, unnamed: {} } })
  const declared = runWorld.isolate.residencies
  vi.spyOn(declared, 'declared').mockReturnValue(null)
  const seen = vi.spyOn(runWorld, 'bindings').mockReturnValue({ SWITCHYARD_LOCAL: '1' })
  const response = await ask(keyOf('unnamed'))
  expect([response.status, runWorld.outgoing]).toEqual([503, []])
  await response.text()
  seen.mockRestore()
})

it('has idempotency keys inside, too', async () => {
  const { id, key } = await tenantIn('eu')
  const once = { 'idempotency-key': 'k-1' }
  const first = await (await ask(key, hello, once)).text()
  const again = await ask(key, hello, once)
  expect([await again.text(), again.headers.get('idempotency-replayed')]).toEqual([first, 'true'])
  expect(runWorld.outgoing).toHaveLength(1)
  expect(await tablesOf(id)).toEqual([])
})
