import { describe, expect, it } from 'vitest'
import type { Granted, ScopeId } from '../../../../durable-objects/tenant-ledger/protocol.ts'
import {
  askAgain,
  askForHold,
  claim,
  defaultHolderSettings,
  knownSet,
  newHolder,
  outgoing,
  takeReply,
} from '../../../../worker/edge/ledger/lease-holder.ts'
import type { CallSeen } from '../../../../worker/engine/money-port.ts'
import { admissionAsk, budget, demo, type Isolate, n, Town, worstOf } from './support.ts'

const worst = worstOf(100)
const whole: CallSeen = {
  ending: 'complete',
  receivedBytes: 0,
  usage: { inputTokens: 10, outputTokens: 2 },
}

async function admission(
  town: Town,
  isolate: Isolate,
  more: Parameters<typeof admissionAsk>[1] = {},
) {
  const given = isolate.money().admit(admissionAsk(town, more))
  return given instanceof Promise ? town.clock.run(given) : given
}

async function attempt(
  town: Town,
  isolate: Isolate,
  seen: CallSeen = whole,
  more: Parameters<typeof admissionAsk>[1] = {},
): Promise<void> {
  const given = await admission(town, isolate, more)
  if (given.kind !== 'admitted') throw new Error(given.error.message)
  given.account.settle(seen)
}

async function traffic(town: Town, isolate: Isolate, seconds: number): Promise<void> {
  for (let quarter = 0; quarter < seconds * 4; quarter += 1) {
    await attempt(town, isolate)
    await town.clock.advance(250)
  }
}

describe('what is known of budgets', () => {
  it('is known of each scope: another route of a key that is known needs no word of the ledger', async () => {
    const route = budget('r', { scope: 'route:other', capNanoUsd: n(1e12) })
    const town = new Town({ budgets: [budget('b', { capNanoUsd: n(1e12) }), route] })
    const isolate = town.isolate()
    await traffic(town, isolate, 6)
    const payer = { caller: demo, route: 'third', tags: {} }
    // Nobody has said whether the route has a budget; then somebody has.
    const first = isolate
      .money()
      .admit(admissionAsk(town, { billing: { requestId: 'req_x', ...payer } }))
    expect(first).toBeInstanceOf(Promise)
    await town.clock.run(Promise.resolve(first))
    const before = town.exchanges.length
    const again = isolate
      .money()
      .admit(admissionAsk(town, { billing: { requestId: 'req_y', ...payer } }))
    expect(again).not.toBeInstanceOf(Promise)
    const bare = { ...payer, route: null }
    expect(
      isolate.money().admit(admissionAsk(town, { billing: { requestId: 'req_z', ...bare } })),
    ).not.toBeInstanceOf(Promise)
    expect(town.exchanges.length).toBe(before)
    // A route that has one of its own shares no credit with those that have none.
    const other = { ...payer, route: 'other' }
    expect(
      isolate.money().admit(admissionAsk(town, { billing: { requestId: 'req_w', ...other } })),
    ).toBeInstanceOf(Promise)
  })

  it('is forgotten when it may have changed', async () => {
    const town = new Town()
    const isolate = town.isolate()
    await traffic(town, isolate, 6)
    const budgets = [
      budget('b', { capNanoUsd: n(1e12) }),
      budget('k', { scope: 'key:k', capNanoUsd: n(1e12) }),
    ]
    town.take({ kind: 'configure', budgets, limits: [] })
    // The isolate hears of it when it next has something to say.
    await attempt(town, isolate)
    await town.clock.advance(1500)
    await traffic(town, isolate, 6)
    // There is credit for both, and nobody waits for the sake of the change.
    const given = isolate.money().admit(admissionAsk(town))
    if (given instanceof Promise || given.kind !== 'admitted') throw new Error('it waits')
    given.account.settle({ ending: 'not_sent', receivedBytes: 0 })
    await town.settle()
    expect(town.ledger.account('k').postedNanoUsd).toBe(24 * 36_000)
  })

  const scopes: readonly ScopeId[] = ['tenant', 'key:k']
  const want = { scopes, worstNanoUsd: n(5), leastNanoUsd: n(5), tokens: 1 }
  const granted = (askId: string, of: readonly ScopeId[], number: number): Granted => ({
    kind: 'granted',
    askId,
    mode: 'lease',
    remainingNanoUsd: n(1000),
    actions: [],
    limits: [],
    leaseId: `1.${number}`,
    grantNanoUsd: n(5),
    scopes: of,
    accounts: [],
    validForMs: 45_000,
    units: { requests: null, tokens: null, slots: null },
    failOpenNanoUsd: n(0),
  })
  const replyOf = (killVersion: number, answer: Granted) => ({
    epoch: 1,
    killVersion,
    acknowledgements: [],
    noted: [],
    answers: [answer],
  })

  it('is not what a reply says that was overtaken', () => {
    const state = newHolder(defaultHolderSettings, 'i')
    const [slow, quick] = [askForHold(state, want, 0), askForHold(state, want, 0)]
    takeReply(state, replyOf(3, granted(quick.askId, scopes, 2)), 10)
    expect(knownSet(state, scopes)?.key).toBe('key:k tenant')
    takeReply(state, replyOf(2, granted(slow.askId, ['tenant'], 1)), 20)
    expect(knownSet(state, scopes)?.key).toBe('key:k tenant')
    // What was granted then is not spent now, and the ask is made again.
    expect(claim(state, slow.askId)).toMatchObject({ kind: 'denied', reason: 'voided' })
    expect(claim(state, quick.askId)).toMatchObject({ leaseId: '1.2' })
  })

  it('nor what a ledger of the version before answers, which does not say how old its lease is', () => {
    const state = newHolder(defaultHolderSettings, 'i')
    const first = askForHold(state, want, 0)
    takeReply(state, replyOf(2, granted(first.askId, scopes, 1)), 10)
    const { askId } = askForHold(state, want, 20)
    takeReply(state, replyOf(3, granted(askId, scopes, 2)), 30)
    expect(claim(state, askId)).toMatchObject({ kind: 'denied', reason: 'voided' })
  })

  it('is not what the answer to an ask says that may have been answered before', () => {
    const state = newHolder(defaultHolderSettings, 'i')
    const { askId } = askForHold(state, want, 0)
    askAgain(state, askId, 2000)
    takeReply(state, replyOf(3, granted(askId, ['tenant'], 1)), 2010)
    expect(knownSet(state, scopes)).toBeNull()
    expect(claim(state, askId)).toMatchObject({ leaseId: '1.1' })
  })
})

describe('a lease that says as of which revocations it is', () => {
  const scopes: readonly ScopeId[] = ['tenant', 'key:k']
  const want = { scopes, worstNanoUsd: n(5), leastNanoUsd: n(5), tokens: 1 }
  const told = (askId: string, ofLease: number, ofReply: number) => ({
    epoch: 1,
    killVersion: ofReply,
    acknowledgements: [],
    noted: [],
    answers: [
      {
        kind: 'granted',
        askId,
        mode: 'lease',
        remainingNanoUsd: n(1000),
        actions: [],
        limits: [],
        leaseId: '1.1',
        grantNanoUsd: n(5),
        scopes,
        accounts: [],
        validForMs: 45_000,
        units: { requests: null, tokens: null, slots: null },
        killVersion: ofLease,
        failOpenNanoUsd: n(0),
      } as const,
    ],
  })

  it('is not begun when the same reply tells of a later one, whoever asks: also a new isolate', () => {
    const state = newHolder(defaultHolderSettings, 'i')
    const { askId } = askForHold(state, want, 0)
    askAgain(state, askId, 2000)
    takeReply(state, told(askId, 1, 2), 2010)
    expect(claim(state, askId)).toMatchObject({ kind: 'denied', reason: 'voided' })
    // Of before the change: it says nothing of which scopes have a budget now.
    expect(knownSet(state, scopes)).toBeNull()
    expect(outgoing(state, 5000)?.statements).toMatchObject([
      { kind: 'close', leaseId: '1.1', spentNanoUsd: 0 },
    ])
  })

  it('is used where it is the latest, however often it was asked for', () => {
    const state = newHolder(defaultHolderSettings, 'i')
    const { askId } = askForHold(state, want, 0)
    askAgain(state, askId, 2000)
    takeReply(state, told(askId, 2, 2), 2010)
    expect(claim(state, askId)).toMatchObject({ leaseId: '1.1' })
    expect(knownSet(state, scopes)).not.toBeNull()
  })

  it('of a restored ledger is good, whatever was known of the one before', () => {
    const state = newHolder(defaultHolderSettings, 'i')
    takeReply(state, { ...told('x', 9, 9), answers: [] }, 0)
    const { askId } = askForHold(state, want, 10)
    takeReply(state, { ...told(askId, 3, 3), epoch: 2 }, 20)
    // The lease of this test is of epoch 1; what is asked for next is of the new life.
    expect(claim(state, askId)).toMatchObject({ reason: 'voided' })
    const again = askForHold(state, want, 30)
    const reply = told(again.askId, 3, 3)
    const answers = reply.answers.map((answer) => ({ ...answer, leaseId: '2.1' }) as const)
    takeReply(state, { ...reply, epoch: 2, answers }, 40)
    expect(claim(state, again.askId)).toMatchObject({ leaseId: '2.1' })
  })
})

describe('an ask for a slice', () => {
  it('is given up after a while, also when its set has become part of another', async () => {
    const town = new Town()
    const isolate = town.isolate()
    town.cut()
    for (let request = 0; request < 3; request += 1)
      expect((await admission(town, isolate)).kind).toBe('refused')
    await town.clock.advance(1500)
    const asked = () => [...isolate.state().pending.values()].filter(({ kind }) => kind === 'grant')
    expect(asked().map(({ setKey }) => setKey)).toEqual(['key:k route:chat tenant'])
    // From now on holds are answered, and say which of these have a budget.
    town.carry = async (deliver, { asks }) => {
      if (asks.some(({ kind }) => kind === 'grant')) throw new Error('lost')
      return deliver()
    }
    await attempt(town, isolate)
    expect([...isolate.state().sets.keys()]).toEqual(['tenant'])
    expect(asked().length).toBeGreaterThan(0)
    await town.clock.advance(22_000)
    expect(asked().some(({ setKey }) => setKey !== 'tenant')).toBe(false)
    town.heal()
    await attempt(town, isolate)
    await town.settle(60_000)
    const { pending, voids, leases } = isolate.state()
    expect([pending.size, voids.size, leases.size]).toEqual([0, 0, 0])
    expect(town.openLeases).toBe(0)
  })

  it('is taken back in the last word: what was granted, and not heard of, is not kept', async () => {
    const town = new Town()
    const isolate = town.isolate()
    await traffic(town, isolate, 17)
    // Each is granted, and nobody hears of it.
    town.carry = async (deliver, { asks }) => {
      const reply = deliver()
      if (asks.some(({ kind }) => kind === 'grant')) throw new Error('lost')
      return reply
    }
    // A large one, which no slice has room for.
    await attempt(town, isolate, whole, { asked: { maxOutputTokens: 30_000 } })
    await town.clock.advance(3000)
    expect(town.openLeases).toBeGreaterThan(0)
    await town.clock.advance(20_000)
    const { pending, voids, leases } = isolate.state()
    expect([pending.size, voids.size, leases.size]).toEqual([0, 0, 0])
    expect(town.openLeases).toBe(0)
    expect(town.account.charged).toBe(town.account.posted)
  })
})

describe('what is learned of prompts', () => {
  const long = 'x'.repeat(800)
  const prompt = (content: object[]) =>
    ({
      asked: { maxOutputTokens: 100, messages: [{ role: 'user', content }] },
    }) as unknown as Parameters<typeof admissionAsk>[1]
  const text = { type: 'text', text: long }
  const seen = { ...whole, usage: { inputTokens: 200, outputTokens: 2 } }

  it.each([
    ['a call that came to its end', seen, [text], 1],
    ['one that was broken off', { ...seen, ending: 'aborted' }, [text], 0],
    ['one that was declined', { ...seen, ending: 'rejected' }, [text], 0],
    [
      'one whose usage cannot be',
      { ...seen, usage: { inputTokens: -1, outputTokens: 1 } },
      [text],
      0,
    ],
    [
      'one with an image',
      seen,
      [text, { type: 'image', source: { kind: 'base64', mediaType: 'image/png', data: '' } }],
      0,
    ],
  ] as const)('%s', async (_what, ended, content, models) => {
    const town = new Town()
    const isolate = town.isolate()
    await attempt(town, isolate, ended, prompt([...content]))
    expect(isolate.book.calibration.models.size).toBe(models)
  })
})

describe('settling', () => {
  it('takes the first word, whatever is said after it', async () => {
    const town = new Town()
    const isolate = town.isolate()
    const given = await admission(town, isolate)
    if (given.kind !== 'admitted') throw new Error('denied')
    given.account.settle(whole)
    given.account.settle({ ending: 'unknown', receivedBytes: 0 })
    given.account.settle({ ending: 'not_sent', receivedBytes: 0 })
    await town.settle()
    expect(town.account).toEqual({ charged: 36_000, posted: 36_000, lost: 0 })
  })

  it('of an impossible count charges all that was set aside, and says so', async () => {
    const town = new Town()
    const isolate = town.isolate()
    await attempt(town, isolate, { ...whole, usage: { inputTokens: 1.5, outputTokens: -2 } })
    await town.settle()
    expect(town.lines).toMatchObject([
      { amountNanoUsd: worst, basis: 'worst_case', isImpossible: true },
    ])
  })

  it('of times that a clock made negative says none', async () => {
    const town = new Town()
    const isolate = town.isolate()
    await attempt(town, isolate, { ...whole, durationMs: -5, firstTokenMs: -3 })
    await town.settle()
    expect(town.lines).toMatchObject([{ durationMs: 0, firstTokenMs: 0 }])
  })
})
