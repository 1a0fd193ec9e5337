import { describe, expect, it } from 'vitest'
import { type MoneyPort, unmetered } from '../../../worker/engine/money-port.ts'
import type { ShadowPort, ShadowRecord } from '../../../worker/engine/shadow-port.ts'
import { breaking, message, whole } from '../../support/breaking-streams.ts'
import { type FakeHost, json, refusing, silence, wholeAnswer } from '../../support/fake-host.ts'
import {
  ask,
  type Asked,
  hostOf,
  textOf,
  withStreams,
  worldOf,
} from '../../support/parallel-world.ts'
import { budget, n, Town } from '../edge/ledger/support.ts'

withStreams()

const claude = 'claude-sonnet-4-5@anthropic'
const shadow = { target: claude, share: 1, budgetUsdPerDay: 1 }

class Book implements ShadowPort {
  readonly records: ShadowRecord[] = []
  readonly payers: string[] = []
  readonly money: MoneyPort
  isOpen = true

  constructor(money: MoneyPort = unmetered) {
    this.money = money
  }

  async open(payer: string): Promise<boolean> {
    this.payers.push(payer)
    return this.isOpen
  }

  compared(record: ShadowRecord): void {
    this.records.push(record)
  }
}

function world(more: object = {}, tenants: object = { demo: {} }) {
  const book = new Book()
  const runtime = worldOf({ shadow: { ...shadow, ...more } }, [['gpt-4.1@openai']], { tenants })
  const host = hostOf(runtime, undefined, undefined, book)
  host.on('openai', whole('Hello', ' there')).on('anthropic', message(['Good day']))
  return { host, book }
}

describe('a shadow', () => {
  it('is asked behind the answer, is never seen, and is compared', async () => {
    const { host, book } = world()
    const { text, headers } = await ask(host)
    expect(textOf(text)).toBe('Hello there')
    expect(text).not.toContain('Good day')
    expect(headers.get('x-switchyard-attempts')).toBe('1')
    expect(JSON.stringify([...headers])).not.toContain('anthropic')
    expect(host.records).toHaveLength(1)
    expect(JSON.stringify(host.records)).not.toContain('anthropic')
    expect(host.asked).toEqual(['openai', 'anthropic'])
    expect(book.records).toEqual([
      {
        requestId: 'req_1',
        tenant: 'demo',
        route: 'chat',
        outcome: 'ok',
        sameFinish: true,
        lengthRatio: 5 / 2,
        answer: {
          target: 'gpt-4.1@openai',
          finish: 'stop',
          outputTokens: 2,
          isWellFormed: null,
          costNanoUsd: 10 * 2000 + 2 * 8000,
          firstTokenMs: 0,
          durationMs: 0,
        },
        shadow: {
          target: claude,
          finish: 'stop',
          outputTokens: 5,
          isWellFormed: null,
          costNanoUsd: 20 * 3000 + 5 * 15_000,
          firstTokenMs: 0,
          durationMs: 0,
        },
      },
    ])
  })

  it('never delays the answer, and is given up when it takes too long', async () => {
    const { host, book } = world({ timeoutMs: 4000 })
    host.on('anthropic', silence)
    await ask(host)
    expect(host.records[0]?.durationMs).toBe(0)
    expect(host.calls[1]?.signal.aborted).toBe(true)
    expect(host.clock.nowMs - (host.calls[1]?.atMs ?? 0)).toBe(4000)
    expect(book.records[0]?.outcome).toBe('timeout')
  })

  it('is not stopped by a client that has its answer and goes', async () => {
    const { host, book } = world()
    host.on('anthropic', async (call, number) => {
      host.leave()
      await new Promise<void>((resolve) => void host.clock.after(100, resolve))
      return message(['Good day'])(call, number)
    })
    await ask(host)
    expect(book.records[0]?.outcome).toBe('ok')
  })

  it('is compared in form, where a form was asked for, and nothing is relayed for that', async () => {
    const { host, book } = world({ target: 'gpt-4.1@backup' })
    host.on('openai', whole('{"a":', '1}')).on('backup', whole('no JSON'))
    const body = {
      response_format: { type: 'json_object' },
      stream_options: { include_usage: true },
    }
    await ask(host, { body })
    expect(host.records[0]?.plumbing).toBe('translate')
    expect(book.records[0]?.answer.isWellFormed).toBe(true)
    expect(book.records[0]?.shadow.isWellFormed).toBe(false)
  })

  it('is told as what it was when it fails or breaks', async () => {
    const failing = world()
    failing.host.on('anthropic', refusing(500))
    await ask(failing.host)
    expect(failing.book.records[0]?.outcome).toBe('server_error')
    const broken = world({ target: 'gpt-4.1@backup' })
    broken.host.on('backup', breaking('truncate', 'Hello'))
    await ask(broken.host)
    expect(broken.book.records[0]).toMatchObject({ outcome: 'truncated', sameFinish: null })
  })

  it('compares whole answers, too', async () => {
    const { host, book } = world({ target: 'gpt-4.1@backup' })
    host.on('openai', json(wholeAnswer)).on('backup', json(wholeAnswer))
    await ask(host, { body: { stream: false } })
    expect(book.records[0]).toMatchObject({ outcome: 'ok', sameFinish: true, lengthRatio: 1 })
  })

  it('is a sample: the share of the requests, by the seed of each', async () => {
    const { host, book } = world({ share: 0.2 })
    for (let index = 0; index < 100; index++) {
      host.random = index / 100
      await ask(host, { requestId: `req_${index}` })
    }
    expect(book.records.length).toBeGreaterThan(100 * 0.1)
    expect(book.records.length).toBeLessThan(100 * 0.3)
    const before = book.records.length
    host.random = 0.5
    await ask(host)
    await ask(host)
    expect((book.records.length - before) % 2).toBe(0)
  })
})

describe('no shadow is cast', () => {
  async function expectNone({ host, book }: { host: FakeHost; book: Book }, asked: Asked = {}) {
    await ask(host, asked)
    expect(host.asked.filter((name) => name === 'anthropic')).toEqual([])
    expect(book.records).toEqual([])
  }

  const regulated = { dataClass: 'regulated' }

  it('of data that is regulated', async () => {
    await expectNone(world({}, { demo: regulated }))
  })

  it('of a tenant that wants nothing stored', async () => {
    await expectNone(world({}, { demo: { storage: false } }))
  })

  it('of a tenant that is pinned to a place, although the target is there', async () => {
    const pinned = world({}, { demo: { residency: 'us' } })
    await expectNone(pinned)
    expect(pinned.host.records[0]?.ending).toBe('finished')
  })

  it('of a request that the target may not or cannot have', async () => {
    await expectNone(world(), { body: { provider: { ignore: ['anthropic'] } } })
    await expectNone(world({}, { demo: { constraints: { deny: ['*@anthropic'] } } }))
    await expectNone(world(), { body: { n: 2 } })
  })

  it('of tools that the provider would run twice', async () => {
    await expectNone(world(), { body: { web_search_options: {} } })
  })

  it('of an answer that failed, or that its client left', async () => {
    const failed = world()
    failed.host.on('openai', refusing(400))
    await expectNone(failed)
    const left = world()
    left.host.on('openai', breaking('stall', 'Hello'))
    left.host.clock.after(1000, () => left.host.leave())
    await expectNone(left)
  })

  it('by the target that answered', async () => {
    const { host, book } = world({ target: 'gpt-4.1@openai' })
    await ask(host)
    expect(host.asked).toEqual(['openai'])
    expect(book.records).toEqual([])
  })

  it('while its ledger cannot be had', async () => {
    const { host, book } = world()
    book.isOpen = false
    await ask(host)
    expect(host.asked).toEqual(['openai'])
    expect(book.records[0]?.outcome).toBe('unpaid')
  })
})

describe('the money of a shadow', () => {
  it('is of a ledger of its own, to its cap, and never of the tenant', async () => {
    const town = new Town()
    const cost = 20 * 3000 + 5 * 15_000
    const worst = 21 * 3000 + 100 * 15_000
    const payer = new Town({
      budgets: [budget('b', { capNanoUsd: n(worst + cost) })],
      clock: town.clock,
    })
    const isolate = town.isolate()
    const tenants: string[] = []
    isolate.send = (tenant, exchange) => {
      tenants.push(tenant)
      return (tenant === 'demo' ? town : payer).send(exchange)
    }
    const runtime = worldOf({ shadow }, [['gpt-4.1@openai']])
    const records: ShadowRecord[] = []
    for (let index = 0; index < 4; index++) {
      const book = new Book(isolate.money())
      const host = hostOf(runtime, isolate.money(), town.clock, book)
      host.on('openai', whole('Hello')).on('anthropic', message(['Good day']))
      await ask(host, { requestId: `req_${index}` })
      await town.settle()
      expect(book.payers).toEqual(['shadow.chat'])
      records.push(...book.records)
    }
    payer.check()
    expect(new Set(tenants)).toEqual(new Set(['demo', 'shadow.chat']))
    expect(town.lines.every(({ target }) => target === 'gpt-4.1@openai')).toBe(true)
    expect(town.lines).toHaveLength(4)
    expect(payer.lines.map(({ target, tags }) => [target, tags])).toEqual(
      records.filter(({ outcome }) => outcome === 'ok').map(() => [claude, {}]),
    )
    expect(payer.account.charged).toBeLessThanOrEqual(worst + cost)
    expect(records.map(({ outcome }) => outcome)).toContain('unpaid')
  })
})
