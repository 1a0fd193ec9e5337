import { beforeEach, describe, expect, it } from 'vitest'
import { accessOf, bytes, KeyLedger, keyIds, proof } from './tenant-ledger-access-world.ts'
import { actor, budget, failAt, fault, line, n } from './tenant-ledger-object.ts'
import { dayMs, ledgerWorld } from './tenant-ledger-world.ts'

beforeEach(() => {
  ledgerWorld.reset()
  const { access } = ledgerWorld.settings
  ledgerWorld.settings = {
    ...ledgerWorld.settings,
    access: { ...access, chunkBytes: 100, maxAnswerBytes: 1000, maxStoredBytes: 1500 },
    alerts: { url: 'https://alerts.example/faults', secret: 'secret' },
  }
})

const [a, b, c] = keyIds
const perDay = (limitUsd: string) => ({ budgets: [{ period: 'day', limitUsd, mode: 'hard' }] })

/** Keys, leases that name them, and answers that are kept. */
async function lived(): Promise<KeyLedger> {
  const ledger = await new KeyLedger().configure([budget('b', { capNanoUsd: n(100_000) })])
  await ledger.put({ tier: 'gold' })
  await ledger.made(a, perDay('1'))
  await ledger.made(b, perDay('0.5'), a)
  await ledger.hold1(10, ['tenant', `key:${a}`])
  await ledger.begin('first', 'running')
  await ledger.begin('first', 'old')
  await ledger.finish('first', [bytes(350)], {}, 'old')
  return ledger
}

/** All that can be seen from outside and on the disk, with no name of the ledger in it. */
async function whole(ledger: KeyLedger): Promise<unknown> {
  const seen = {
    rows: await accessOf(ledger),
    standing: await ledger.stub.budgets(),
    keys: await ledger.stub.keys(),
    tenant: await ledger.stub.tenant(),
    old: await ledger.begin('other', 'old'),
    answers: (await ledger.exchange([], [{ ...ledger.holdAsk(1), scopes: [`key:${c}`] }])).answers
      .length,
  }
  return without(ledger, seen)
}

function without({ place }: KeyLedger, seen: unknown): unknown {
  const text = JSON.stringify(seen, (_name, value: unknown) =>
    value instanceof ArrayBuffer || value instanceof Uint8Array
      ? [...new Uint8Array(value as ArrayBuffer)]
      : value,
  )
  return JSON.parse(text.replaceAll(`"${place.tenantId}"`, '"T"'))
}

type Step = (ledger: KeyLedger) => Promise<unknown>

const steps: Readonly<Record<string, Step>> = {
  'putting the tenant': (ledger) => ledger.put({ routes: ['chat'], tags: { team: 'a' } }),
  'making a key with a budget': (ledger) => ledger.made(c, perDay('0.25'), a),
  'rotating a key': (ledger) => ledger.rotate(a, 'new', 60_000),
  'a key that comes under another pepper': (ledger) =>
    ledger.stub.open({ key: { keyId: a, proofs: [proof(a, '2'), proof(a, '1')] } }),
  'revoking a key with a budget and a lease': (ledger) => ledger.revoke(a),
  'revoking its scope': (ledger) =>
    ledger.stub.freeze({ scope: `key:${b}`, reason: 'revoked', actor }),
  'claiming an idempotency key': (ledger) => ledger.begin('first', 'new'),
  'an answer in many pieces': (ledger) => ledger.finish('first', [bytes(555)], {}, 'running'),
  'giving an idempotency key up': (ledger) => ledger.abandon('first', 'running'),
  'losing an idempotency key': (ledger) => ledger.lose('first', 'running'),
  'setting budgets': (ledger) =>
    ledger.stub.configure({ budgets: [budget('c')], limits: [], actor }),
}

describe('a call of which one statement fails', () => {
  it.each(Object.entries(steps))(
    'is as if it had never come, and comes out the same when it is made again: %s',
    async (_name, step) => {
      const twin = await lived()
      const reply = without(twin, await step(twin))
      const after = await whole(twin)
      let failed = 0
      for (;;) {
        const ledger = await lived()
        const before = await accessOf(ledger)
        const listed = await ledger.stub.keys()
        const settle = await failAt(ledger, failed + 1)
        const first = await step(ledger).then(
          () => null,
          (error: unknown) => error,
        )
        await settle()
        if (first === null) break
        failed += 1
        expect(String(first)).toContain(fault.message)
        expect(await accessOf(ledger)).toEqual(before)
        expect(await ledger.stub.keys()).toEqual(listed)
        expect(without(ledger, await step(ledger))).toEqual(reply)
        expect(await whole(ledger)).toEqual(after)
        const kept = [await ledger.stub.keys(), await ledger.stub.budgets()]
        await ledger.evict()
        expect([await ledger.stub.keys(), await ledger.stub.budgets()]).toEqual(kept)
      }
      expect(failed).toBeGreaterThanOrEqual(1)
    },
    60_000,
  )

  it('does not count bytes that were never stored, nor forget those that are', async () => {
    const ledger = await lived()
    for (const key of ['1', '2']) await ledger.begin('first', key)
    const settle = await failAt(ledger, 4)
    await expect(ledger.finish('first', [bytes(1000)], {}, '1')).rejects.toThrow(fault.message)
    await settle()
    expect(await ledger.finish('first', [bytes(1000)], {}, '1')).toEqual({ state: 'stored' })
    expect(await ledger.finish('first', [bytes(151)], {}, '2')).toEqual({ state: 'unstored' })
  })

  it.each([1, 2, 3, 4, 5, 6])(
    'in an alarm is made up for by the next: everything old goes, once (statement %i)',
    async (number) => {
      ledgerWorld.settings = { ...ledgerWorld.settings, alerts: null }
      const ledger = await lived()
      await ledger.revoke(a)
      ledgerWorld.pass(40 * dayMs)
      const settle = await failAt(ledger, number)
      await ledger.ring()
      await settle()
      expect(ledgerWorld.log.at(-1)).toMatchObject({ event: 'ledger_fault', fault })
      expect(await ledger.alarmAtMs()).toBe(ledgerWorld.nowMs + 10_000)
      await ledger.pass(20_000)
      for (const table of ['keys', 'idempotency', 'chunks'])
        expect(await ledger.count(table), table).toBe(0)
      expect((await ledger.stub.budgets()).budgets).toMatchObject([{ budgetId: 'b' }])
    },
  )
})

describe('a life of keys', () => {
  const life: readonly Step[] = [
    (ledger) => ledger.put({ routes: ['chat', 'code'] }),
    (ledger) => ledger.create(a, perDay('0.0000001')),
    (ledger) => ledger.create(b, {}, { maker: { kind: 'key', keyId: a } }),
    (ledger) => ledger.hold1(60, [`key:${b}`, `key:${a}`]),
    (ledger) => ledger.open(b),
    (ledger) => ledger.begin('first'),
    (ledger) => ledger.configure([budget('b')]).then(() => null),
    (ledger) => ledger.rotate(b, 'new', 1000),
    (ledger) => ledger.begin('second'),
    (ledger) => ledger.open(b),
    (ledger) => ledger.finish('first', [bytes(250), bytes(9)]),
    (ledger) => ledger.open(b, 'new'),
    (ledger) => ledger.begin('third'),
    (ledger) => ledger.stub.open({ key: { keyId: a, proofs: [proof(a, '2'), proof(a)] } }),
    (ledger) => ledger.revoke(a),
    (ledger) => ledger.open(b, 'new'),
    (ledger) => ledger.hold1(10, [`key:${b}`, `key:${a}`]),
    (ledger) =>
      ledger.post('1.1', line(7, { attemptId: 'x', requestId: 'x', worstNanoUsd: n(60) })),
    (ledger) => ledger.stub.keys(),
    (ledger) => ledger.stub.budgets(),
    (ledger) => ledger.pass(dayMs).then(() => null),
    (ledger) => ledger.begin('fourth'),
    (ledger) => ledger.stub.keys(),
    (ledger) => accessOf(ledger),
  ]

  async function lead(between: Step): Promise<readonly unknown[]> {
    ledgerWorld.nowMs = Date.UTC(2040, 5, 15, 12)
    const ledger = new KeyLedger()
    const replies: unknown[] = []
    for (const step of life) {
      ledgerWorld.pass(100)
      replies.push(without(ledger, (await step(ledger)) ?? null))
      await between(ledger)
    }
    return replies
  }

  it('is the same with an eviction, or an abort, between any two calls', async () => {
    const plain = await lead(() => Promise.resolve())
    expect(await lead((ledger) => ledger.evict())).toEqual(plain)
    expect(await lead((ledger) => ledger.abort())).toEqual(plain)
    expect(plain.map((reply) => (reply as { kind?: string } | null)?.kind ?? '-').join(' ')).toBe(
      '- - - granted verified fresh - - running verified - verified replay verified - rejected denied - - - - fresh - -',
    )
  })

  it.each([0, 1, 2, 4, 8, 16])(
    'holds a revocation in whole or not at all when the object dies under it (%i turns later)',
    async (turns) => {
      const ledger = await lived()
      const sent = ledger.revoke(a).then(
        () => true,
        () => false,
      )
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve()
      await ledger.abort()
      const isDone = await sent
      const { kills } = await ledger.stub.budgets()
      const [key] = await ledger.stub.keys()
      expect(kills.length === 1).toBe(key?.status === 'revoked')
      if (isDone) expect(key?.status).toBe('revoked')
      await ledger.revoke(a)
      expect(await ledger.open(a)).toEqual({ kind: 'rejected', reason: 'revoked' })
    },
  )
})
