import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { runWorld } from './run-world.ts'

/** The Cache API knows no jurisdictions: what is kept of a pinned tenant's answers is kept in the isolate that made them. */

const hello = { model: 'kept', messages: [{ role: 'user', content: 'Hello' }] }
const opened: string[] = []

beforeEach(() => {
  const kept = { tiers: [['gpt-4.1@eu-one']], cache: { mode: 'first' } }
  runWorld.start({ routes: { kept } })
  vi.stubGlobal('fetch', runWorld.fetch)
  opened.length = 0
  const open = caches.open.bind(caches)
  vi.spyOn(caches, 'open').mockImplementation((name) => {
    opened.push(name)
    return open(name)
  })
})

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

it.each([
  ['pinned', []],
  ['free', ['switchyard-answers']],
] as const)(
  'a tenant that is %s has its second answer from what is kept in %j',
  async (tenant, places) => {
    const first = await runWorld.ask(hello, { tenant })
    await first.text()
    await eventually(async () => {
      const again = await runWorld.ask(hello, { tenant })
      await again.text()
      expect(again.headers.get('x-switchyard-degraded')).toBe('cache')
    })
    expect(runWorld.outgoing.length).toBeGreaterThan(0)
    expect([...new Set(opened)]).toEqual(places)
  },
)
