import { describe, expect, it } from 'vitest'
import type { KeyProfile } from '../../../../durable-objects/tenant-ledger/access/verify.ts'
import {
  advanceExchange,
  withAdvance,
} from '../../../../durable-objects/tenant-ledger/open-advance.ts'
import type { OpenCall, OpenReply } from '../../../../durable-objects/tenant-ledger/rpc.ts'
import { firstCreditOf, mayCost } from '../../../../worker/edge/ledger/first-credit.ts'
import { openKey } from '../../../../worker/edge/ledger/open-key.ts'
import type { Admission } from '../../../../worker/engine/money-port.ts'
import { profile } from '../../access/support.ts'
import { line } from '../../tenant-ledger/support.ts'
import { admissionAsk, budget, demo, type Isolate, n, runtime, Town, worstOf } from './support.ts'

const usd = 1_000_000_000

function inbound(headers: Readonly<Record<string, string>> = {}, path = '/v1/chat/completions') {
  return new Request(`https://gateway.example${path}`, { method: 'POST', headers })
}

/** What the object does with `open`, by its own code. */
function answered(town: Town, { advance }: OpenCall, of: KeyProfile): OpenReply {
  const { state } = town.ledger
  const exchange = advance === undefined ? null : advanceExchange(state, of, advance)
  const { epoch, killVersion } = town.ledger.exchange([])
  const reply: OpenReply = {
    kind: 'verified',
    profile: of,
    epoch,
    killVersion,
    remainingNanoUsd: null,
    limits: [],
  }
  if (exchange === null) return reply
  town.ledger.exchange(exchange.statements, exchange.asks, exchange.holder)
  return withAdvance(state, reply, exchange, town.ledger.effects)
}

interface Opening {
  readonly town: Town
  readonly isolate: Isolate
  readonly of?: KeyProfile
  readonly isSpender?: boolean
  /** Its request is gone, and its timers with it. */
  readonly isCutOff?: boolean
  /** What becomes of the call. */
  readonly carry?: (reply: () => OpenReply) => OpenReply | Promise<OpenReply>
}

async function open(opening: Opening) {
  const { town, isolate, of = profileOfK, isSpender = true, isCutOff = false, carry } = opening
  const calls: OpenCall[] = []
  const opened = openKey(
    isolate.book,
    'demo',
    { keyId: 'k', isProven: true },
    isSpender ? () => firstCreditOf(inbound({ 'content-length': '100' }), runtime) : null,
    {
      nowMs: () => town.clock.nowMs,
      after: (delayMs, then) => (isCutOff ? () => undefined : town.clock.after(delayMs, then)),
      waitUntil: (work) => void work.catch(() => undefined),
      send: (exchange) => town.send(exchange),
      open: async (call) => {
        calls.push(call)
        const reply = () => {
          town.ledger.nowMs = town.clock.nowMs
          return answered(town, call, of)
        }
        return carry === undefined ? reply() : carry(reply)
      },
    },
  )
  await opened.catch(() => undefined)
  return { opened, calls }
}

const profileOfK = profile({ tenantId: 'demo', keyId: 'k', keyPath: ['k'] })
const caller = { ...demo, profile: profileOfK }

/** Whether the first attempt goes out at once. */
function isAtOnce(town: Town, isolate: Isolate, route: string | null = 'chat'): boolean {
  const billing = { requestId: 'r', caller, route, tags: {} }
  const admission = isolate.money().admit(admissionAsk(town, { billing }))
  const end = (given: Admission): void => {
    if (given.kind === 'admitted') given.account.settle({ ending: 'not_sent', receivedBytes: 0 })
  }
  if (admission instanceof Promise) void admission.then(end)
  else end(admission)
  return !(admission instanceof Promise)
}

describe('what is known of the cost of a request by its headers', () => {
  it('is that of the dearest model, for as many tokens as the body has bytes', () => {
    // gpt-4.1, at $2 and $8: nothing else of this configuration is dearer.
    const { wantNanoUsd, tokens } = firstCreditOf(inbound({ 'content-length': '1000' }), runtime)
    expect([wantNanoUsd, tokens]).toEqual([1000 * 2000 + 4096 * 8000, 5096])
  })

  it.each([
    ['nothing is told', {}, 16_384],
    ['it is told wrong', { 'content-length': 'x' }, 16_384],
    ['it is more than a body may be', { 'content-length': '99999999999' }, 'limit'],
  ] as const)('is bounded when %s', (_what, headers, bytes) => {
    const { maxBodyBytes } = runtime.config.limits
    const most = bytes === 'limit' ? maxBodyBytes : Math.min(bytes, maxBodyBytes)
    expect(firstCreditOf(inbound(headers), runtime).tokens).toBe(most + 4096)
  })

  it('has the tags that a caller gives, and none that nobody could read', () => {
    const tags = (header: string) =>
      firstCreditOf(inbound({ 'x-switchyard-tags': header }), runtime).tags
    expect(tags('feature=search')).toEqual({ feature: 'search' })
    expect(tags('no tags at all')).toEqual({})
  })

  it('is asked for where something may be spent', () => {
    expect(mayCost(inbound())).toBe(true)
    expect(mayCost(inbound({}, '/v1/explain'))).toBe(false)
    expect(mayCost(inbound({}, '/v1/messages/count_tokens'))).toBe(false)
    expect(mayCost(new Request('https://gateway.example/v1/models'))).toBe(false)
  })
})

describe('a key that an isolate sees first', () => {
  const roomy = { budgets: [budget('b', { capNanoUsd: n(100 * usd) })] }

  it('brings credit, and the request that brought it does not ask again', async () => {
    const town = new Town(roomy)
    const isolate = town.isolate()
    expect(isAtOnce(new Town(roomy), new Town(roomy).isolate())).toBe(false)
    await open({ town, isolate })
    expect(isAtOnce(town, isolate)).toBe(true)
    expect(town.exchanges).toEqual([])
  })

  it('is asked for none where nobody waits for it, or where there is some', async () => {
    const town = new Town(roomy)
    const isolate = town.isolate()
    expect((await open({ town, isolate, isSpender: false })).calls).toEqual([
      { key: { keyId: 'k', isProven: true } },
    ])
    const [first, second] = [await open({ town, isolate }), await open({ town, isolate })]
    expect([first, second].map(({ calls }) => calls[0]?.advance !== undefined)).toEqual([
      true,
      false,
    ])
  })

  it('is sized by what the key did before', async () => {
    const town = new Town(roomy)
    const worstNanoUsd = n(1_000_000)
    const habit = { id: 'k', route: null, worstNanoUsd, atMs: 0 }
    town.ledger.state.tables.habits.set('k', habit)
    const isolate = town.isolate()
    await open({ town, isolate })
    expect([...isolate.state().leases.values()].map(({ grantNanoUsd }) => grantNanoUsd)).toEqual([
      2_000_000,
    ])
  })

  it('tells which routes money is kept by: a request of one that has none finds its credit', async () => {
    const ofRoute = budget('r', { scope: 'route:groq', capNanoUsd: n(usd) })
    const town = new Town({ budgets: [...roomy.budgets, ofRoute] })
    const isolate = town.isolate()
    await open({ town, isolate })
    expect(isAtOnce(town, isolate, 'chat')).toBe(true)
    expect(isAtOnce(town, isolate, 'groq')).toBe(false)
  })

  it('guesses the only route that the key has', async () => {
    const ofRoute = budget('r', { scope: 'route:groq', capNanoUsd: n(usd) })
    const town = new Town({ budgets: [...roomy.budgets, ofRoute] })
    const isolate = town.isolate()
    const grant = { ...profileOfK.grant, routes: ['groq'] }
    await open({ town, isolate, of: { ...profileOfK, grant } })
    expect([...isolate.state().leases.values()][0]?.scopes).toEqual(['route:groq', 'tenant'])
  })

  it('brings none in a pinned tenant, but for the object that runs its request', async () => {
    const town = new Town(roomy)
    const isolate = town.isolate()
    await open({ town, isolate, of: { ...profileOfK, residency: 'eu' } })
    expect([town.openLeases, isolate.state().pending.size]).toEqual([0, 0])
  })

  it('has a slice of each of a few routes, of which the first request keeps its own', async () => {
    const budgets = ['chat', 'groq'].map((id) => budget(id, { scope: `route:${id}` as const }))
    for (const route of ['chat', 'groq', 'quick']) {
      const rich = budgets.map((one) => ({ ...one, capNanoUsd: n(100 * usd) }))
      const town = new Town({ budgets: [...roomy.budgets, ...rich] })
      const isolate = town.isolate()
      await open({ town, isolate })
      expect([route, town.openLeases]).toEqual([route, 3])
      expect(isAtOnce(town, isolate, route)).toBe(true)
      // The others go back with the next word, which nobody has to wait for.
      await town.settle(10)
      expect([route, town.openLeases]).toEqual([route, 1])
      await town.settle(10_000)
      expect([town.openLeases, town.clock.pending]).toEqual([0, 0])
    }
  })

  it('guesses one route alone where its key may use many', async () => {
    const budgets = ['chat', 'groq', 'quick', 'dear'].map((id) =>
      budget(id, { scope: `route:${id}` as const, capNanoUsd: n(100 * usd) }),
    )
    const town = new Town({ budgets: [...roomy.budgets, ...budgets] })
    const isolate = town.isolate()
    await open({ town, isolate })
    expect([town.openLeases, isolate.state().pending.size]).toEqual([1, 0])
    // Of fewer that its grant names, each.
    const other = new Town({ budgets: [...roomy.budgets, ...budgets] })
    const grant = { ...profileOfK.grant, routes: ['chat', 'groq'] }
    await open({ town: other, isolate: other.isolate(), of: { ...profileOfK, grant } })
    expect(other.openLeases).toBe(2)
  })

  it.each([
    ['its ledger is one of the version before', ({ advance: _none, ...reply }: Verified) => reply],
    ['it is refused', () => ({ kind: 'rejected', reason: 'revoked' }) as const],
  ])('leaves nothing behind when %s', async (_what, changed) => {
    const town = new Town(roomy)
    const isolate = town.isolate()
    const none = { ...answered(town, { key: { keyId: 'k', isProven: true } }, profileOfK) }
    await open({ town, isolate, carry: () => changed(none as Verified) })
    const { pending, voids } = isolate.state()
    expect([pending.size, voids.size, town.openLeases]).toEqual([0, 0, 0])
  })

  it('goes back with its line, in one call, where no second request comes soon', async () => {
    const town = new Town(roomy)
    const isolate = town.isolate()
    await open({ town, isolate })
    const billing = { requestId: 'r', caller, route: 'chat', tags: {} }
    const admission = isolate.money().admit(admissionAsk(town, { billing }))
    if (admission instanceof Promise || admission.kind !== 'admitted') throw new Error('waited')
    await town.clock.advance(300)
    const usage = { inputTokens: 10, outputTokens: 2 }
    admission.account.settle({ ending: 'complete', receivedBytes: 0, usage })
    await town.settle(1100)
    expect(town.exchanges.map(({ statements }) => statements.map(({ kind }) => kind))).toEqual([
      ['close'],
    ])
    expect(town.lines).toHaveLength(1)
    expect([town.openLeases, town.clock.pending]).toEqual([0, 0])
  })

  it('gives back what it did not use', async () => {
    const town = new Town(roomy)
    const isolate = town.isolate()
    await open({ town, isolate })
    expect(town.openLeases).toBe(1)
    await town.settle(8000)
    expect([town.openLeases, town.account]).toEqual([0, { charged: 0, posted: 0, lost: 0 }])
  })

  it('gives back what was granted to a call whose reply never came', async () => {
    const town = new Town(roomy)
    const isolate = town.isolate()
    const lost = (reply: () => OpenReply) => {
      reply()
      throw new Error('lost')
    }
    const { opened } = await open({ town, isolate, carry: lost })
    await expect(opened).rejects.toThrow('lost')
    await town.settle(8000)
    const leases = [...town.ledger.state.tables.leases.values()]
    expect(leases).toMatchObject([{ state: 'closed', finalNanoUsd: 0 }])
    expect([town.openLeases, isolate.state().voids.size]).toEqual([0, 0])
  })

  it('gives back what was granted when nobody is left to hear of it', async () => {
    const town = new Town(roomy)
    const isolate = town.isolate()
    // The request that asked was cut off with its call.
    void open({
      town,
      isolate,
      isCutOff: true,
      carry: (reply) => {
        reply()
        return new Promise(() => undefined)
      },
    })
    await town.clock.advance(100)
    isAtOnce(town, isolate)
    await town.settle(22_000)
    // Not only with the last word of an isolate that is idle: one in steady traffic says none.
    expect([town.openLeases, isolate.state().pending.size]).toEqual([0, 0])
  })

  it.each([true, false])('is waited for 3 s, with credit (%s) or without', async (isSpender) => {
    const town = new Town(roomy)
    const isolate = town.isolate()
    const carry = () => new Promise<OpenReply>(() => undefined)
    const opening = town.clock.run(open({ town, isolate, isSpender, carry }))
    const startMs = town.clock.nowMs
    const { opened } = await opening
    await expect(opened).rejects.toThrow('the ledger did not answer in time')
    expect(town.clock.nowMs - startMs).toBe(3000)
  })

  it('is not credited under budgets that were changed while the answer was on its way', async () => {
    const town = new Town(roomy)
    const isolate = town.isolate()
    await open({
      town,
      isolate,
      carry: (reply) => {
        const old = reply()
        const ofKey = budget('k', { scope: 'key:k', capNanoUsd: n(usd) })
        town.take({ kind: 'configure', budgets: [...roomy.budgets, ofKey], limits: [] })
        const { killVersion } = town.ledger.exchange([])
        isolate.book.sawKillVersion('demo', killVersion, town.clock.nowMs)
        return old
      },
    })
    // Nothing of it is believed: which scopes have a budget is asked again.
    expect(isolate.state().hasBudget.size).toBe(0)
    expect(isAtOnce(town, isolate)).toBe(false)
    await town.settle(8000)
    expect(town.openLeases).toBe(0)
  })
})

describe('a key that an isolate sees first, near a cap', () => {
  /** So much is left, and no slice can be had. */
  const near = (left: number) => {
    const town = new Town({ budgets: [budget('b', { capNanoUsd: n(100 * usd) })] })
    const spent = 100 * usd - left
    const said = { ...line(1, spent), keyId: 'other' }
    const [answer] = town.ledger.exchange([], [town.ledger.holdAsk(spent)]).answers
    if (answer?.kind !== 'granted') throw new Error('not granted')
    town.ledger.exchange([{ kind: 'post', leaseId: answer.leaseId, line: said }])
    return town
  }
  const charged = (town: Town) => town.account.charged
  /** 100 tokens of answer at $8, and 21 of input at $2. */
  const needed = worstOf(100)

  async function admitted(town: Town, isolate: Isolate) {
    const billing = { requestId: 'r', caller, route: 'chat', tags: {} }
    const given = isolate.money().admit(admissionAsk(town, { billing }))
    const admission = await (given instanceof Promise ? town.clock.run(given) : given)
    if (admission.kind !== 'admitted') throw new Error(admission.kind)
    const end = () => {
      const usage = { inputTokens: 10, outputTokens: 2 }
      admission.account.settle({ ending: 'complete', receivedBytes: 0, usage })
    }
    return { admission, end, isAtOnce: !(given instanceof Promise) }
  }

  it('brings a hold, of which the request takes its worst case and gives the rest back at once', async () => {
    const town = near(usd)
    const isolate = town.isolate()
    const before = charged(town)
    await open({ town, isolate })
    expect(charged(town)).toBeGreaterThan(before + 10 * needed)
    const first = await admitted(town, isolate)
    expect(first.isAtOnce).toBe(true)
    await town.clock.advance(10)
    expect(charged(town)).toBe(before + needed)
    expect(town.exchanges.map(({ asks }) => asks.length)).toEqual([0])
    // It was for one request.
    expect((await admitted(town, isolate)).isAtOnce).toBe(false)
    first.end()
    await town.clock.advance(100)
    expect(town.exchanges.at(-1)?.asks).toHaveLength(1)
  })

  it('is settled like any other', async () => {
    const town = near(usd)
    const isolate = town.isolate()
    const before = charged(town)
    await open({ town, isolate })
    const { end } = await admitted(town, isolate)
    await town.clock.advance(3000)
    end()
    await town.settle(10_000)
    expect(town.account).toEqual({ charged: before + 36_000, posted: before + 36_000, lost: 0 })
    expect([town.openLeases, town.clock.pending]).toEqual([0, 0])
  })

  it('goes back after a second in which nobody came for it', async () => {
    const town = near(usd)
    const isolate = town.isolate()
    const before = charged(town)
    await open({ town, isolate })
    await town.settle(1100)
    expect([charged(town), town.openLeases]).toEqual([before, 0])
  })

  it('goes back with the call of a request that it does not pay for', async () => {
    // A guess takes half: less than is needed, which fits all the same.
    const town = near(Math.floor(1.5 * needed))
    const isolate = town.isolate()
    await open({ town, isolate })
    const { isAtOnce: isFromCredit, admission } = await admitted(town, isolate)
    expect([isFromCredit, admission]).toMatchObject([false, { isShorter: false }])
    expect(town.exchanges).toHaveLength(1)
    expect(town.exchanges[0]?.statements).toMatchObject([{ kind: 'close', spentNanoUsd: 0 }])
  })

  it('pays for a shorter answer where nothing more is left', async () => {
    const left = worstOf(80)
    const town = near(left)
    const habit = { id: 'k', route: null, worstNanoUsd: n(needed), atMs: 0 }
    town.ledger.state.tables.habits.set('k', habit)
    const isolate = town.isolate()
    await open({ town, isolate })
    const { isAtOnce: isFromCredit, admission } = await admitted(town, isolate)
    expect([isFromCredit, admission]).toMatchObject([
      true,
      { isShorter: true, maxOutputTokens: 80 },
    ])
    expect(charged(town)).toBe(100 * usd)
  })
})

type Verified = Extract<OpenReply, { kind: 'verified' }>
