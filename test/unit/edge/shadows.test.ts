import { HeaderTemplates } from '../../../worker/engine/header-templates.ts'
import { describe, expect, it } from 'vitest'
import type { ConfigureCall, LedgerStanding } from '../../../durable-objects/tenant-ledger/rpc.ts'
import type { TenantLedgerStub } from '../../../durable-objects/tenant-ledger/stub.ts'
import { readConfig } from '../../../worker/edge/config.ts'
import { EdgeShadows } from '../../../worker/edge/edge-shadows.ts'
import { unmetered } from '../../../worker/engine/money-port.ts'
import { settings } from '../../support/fake-host.ts'

class FakeLedger {
  readonly calls: ConfigureCall[] = []
  asked = 0
  isAway = false
  refused: string | null = null

  stub(): TenantLedgerStub {
    return {
      budgets: async () => {
        this.asked += 1
        if (this.isAway) throw new Error('the ledger cannot be reached')
        const rows = this.calls.at(-1)?.budgets ?? []
        return { budgets: rows.map((row) => ({ row })) } as unknown as LedgerStanding
      },
      configure: async (call: ConfigureCall) => {
        this.calls.push(call)
        return { refused: this.refused }
      },
    } as unknown as TenantLedgerStub
  }
}

function shadows(ledger: FakeLedger): EdgeShadows {
  const memory = {
    retryBudgets: new Map(),
    hedgeGates: new Map(),
    headerTemplates: new HeaderTemplates(),
  }
  return new EdgeShadows(unmetered, () => ledger.stub(), memory)
}

describe('EdgeShadows', () => {
  it('puts one hard budget of a day into the ledger of the payer, once', async () => {
    const ledger = new FakeLedger()
    const one = shadows(ledger)
    expect(await one.open('shadow.chat', 2.5)).toBe(true)
    expect(await one.open('shadow.chat', 2.5)).toBe(true)
    expect(ledger.asked).toBe(1)
    expect(ledger.calls).toHaveLength(1)
    expect(ledger.calls[0]).toMatchObject({
      actor: 'routes.json',
      budgets: [{ scope: 'tenant', period: 'day', mode: 'hard', capNanoUsd: 2_500_000_000 }],
    })
    // Another isolate finds it there, and writes nothing.
    expect(await shadows(ledger).open('shadow.chat', 2.5)).toBe(true)
    expect(ledger.calls).toHaveLength(1)
  })

  it('changes it with the configuration', async () => {
    const ledger = new FakeLedger()
    const one = shadows(ledger)
    await one.open('shadow.chat', 2)
    await one.open('shadow.chat', 3)
    expect(ledger.calls.map(({ budgets }) => budgets[0]?.capNanoUsd)).toEqual([2e9, 3e9])
  })

  it('says no while the ledger is away or refuses, and asks again', async () => {
    const ledger = new FakeLedger()
    ledger.isAway = true
    const one = shadows(ledger)
    expect(await one.open('shadow.chat', 1)).toBe(false)
    ledger.isAway = false
    ledger.refused = 'too many'
    expect(await one.open('shadow.chat', 1)).toBe(false)
    ledger.refused = null
    expect(await one.open('shadow.chat', 1)).toBe(true)
  })
})

describe('options by which one request makes several calls', () => {
  function problemsOf(chat: object, more: object = {}): string[] {
    const routes = { chat: { ...settings.routes.chat, ...chat } }
    const read = readConfig({ ...settings, routes, ...more }, { local: false })
    return read.ok ? [] : read.problems.map(({ path, rule }) => `${path}: ${rule}`)
  }

  const shadow = { target: 'm@backup', share: 0.1, budgetUsdPerDay: 1 }

  it('are off where they do not stand, and have their defaults where they do', () => {
    const chat = { hedge: {}, shadow, resume: {} }
    const routes = { chat: { ...settings.routes.chat, ...chat } }
    const read = readConfig({ ...settings, routes }, { local: false })
    expect(read.ok && read.config.routes['chat']).toMatchObject({
      hedge: { leastDelayMs: 500, unmeasuredDelayMs: 2000, mostPrefillUsd: 0.01 },
      shadow: { timeoutMs: 20_000 },
      resume: { userTurn: false },
    })
    const plain = readConfig(settings, { local: false })
    expect(plain.ok && plain.config.routes['chat']).not.toHaveProperty('hedge')
  })

  it.each([
    [{ bestOf: { n: 6, pick: 'vote' } }, /^routes\.chat\.bestOf\.n: /],
    [{ bestOf: { n: 3, pick: 'best' } }, /^routes\.chat\.bestOf\.pick: /],
    [{ hedge: {}, bestOf: { n: 2, pick: 'vote' } }, /^routes\.chat\.hedge: cannot stand beside/],
    [{ hedge: { leastDelayMs: 5 } }, /^routes\.chat\.hedge\.leastDelayMs: /],
    [{ shadow: { ...shadow, target: 'x@y' } }, /^routes\.chat\.shadow\.target: names a target/],
    [{ shadow: { ...shadow, share: 0 } }, /^routes\.chat\.shadow\.share: /],
    [{ shadow: { ...shadow, timeoutMs: 30_000 } }, /^routes\.chat\.shadow\.timeoutMs: /],
    [{ shadow: { ...shadow, often: true } }, /^routes\.chat\.shadow/],
    [{ resume: { userTurn: 'yes' } }, /^routes\.chat\.resume\.userTurn: /],
  ])('name the rule that %o breaks', (chat, problem) => {
    expect(problemsOf(chat)).toEqual([expect.stringMatching(problem)])
  })

  it('need the ledger for a shadow, a short name, and a payer that is nobody else', () => {
    expect(problemsOf({ shadow }, { ledger: { mode: 'off' } })).toEqual([
      expect.stringMatching(/^routes\.chat\.shadow: needs the ledger/),
    ])
    expect(problemsOf({}, { tenants: { demo: {}, 'shadow.chat': {} } })).toEqual([
      expect.stringMatching(/reserved for the budgets of shadows/),
    ])
    const name = 'r'.repeat(60)
    const routes = { [name]: { ...settings.routes.chat, shadow } }
    expect(problemsOf({}, { routes })).toEqual([expect.stringMatching(/at most 57 characters/)])
  })
})
