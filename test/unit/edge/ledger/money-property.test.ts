import * as fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { readAll } from '../../../support/fake-host.ts'
import {
  BillingProvider,
  type Fate,
  knownFates,
  type Script,
  unknownFates,
} from './billing-provider.ts'
import { budget, demo, type Isolate, n, relayed, Town, translated } from './support.ts'

beforeAll(() => {
  Object.assign(globalThis, { IdentityTransformStream: TransformStream })
})

type Event =
  | {
      readonly kind: 'request'
      readonly isolate: 0 | 1
      readonly key: 'a' | 'b'
      readonly way: 'whole' | 'translated' | 'relayed'
      readonly model: 'chat' | 'groq'
      readonly maxTokens: number
      readonly leaveAfterMs: number | null
      readonly deadlineMs: number | null
    }
  | {
      readonly kind: 'network'
      readonly dropShare: number
      readonly doubleShare: number
      readonly longestMs: number
    }
  | { readonly kind: 'wait'; readonly forMs: number }

interface Plan {
  readonly events: readonly Event[]
  readonly scripts: readonly Script[]
  readonly chances: readonly number[]
  readonly cap: number
}

const share = fc.integer({ min: 1, max: 100 })

function scriptOf(fates: readonly Fate[]): fc.Arbitrary<Script> {
  return fc.record({
    fate: fc.constantFrom(...fates),
    inputShare: share,
    outputShare: share,
    delayMs: fc.nat(3000),
    pieces: fc.integer({ min: 1, max: 8 }),
  })
}

function requestOf(mayLeave: boolean): fc.Arbitrary<Event> {
  const sometimes = (most: number): fc.Arbitrary<number | null> =>
    mayLeave ? fc.option(fc.integer({ min: 1, max: most }), { freq: 3 }) : fc.constant(null)
  return fc.record({
    kind: fc.constant('request' as const),
    isolate: fc.constantFrom(0 as const, 1 as const),
    key: fc.constantFrom('a' as const, 'b' as const),
    way: fc.constantFrom('whole' as const, 'translated' as const, 'relayed' as const),
    model: fc.constantFrom('chat' as const, 'groq' as const),
    maxTokens: fc.integer({ min: 1, max: 3000 }),
    leaveAfterMs: sometimes(2000),
    deadlineMs: sometimes(5000),
  })
}

const network: fc.Arbitrary<Event> = fc.record({
  kind: fc.constant('network' as const),
  dropShare: fc.constantFrom(0, 0, 10, 50, 100),
  doubleShare: fc.constantFrom(0, 30),
  longestMs: fc.constantFrom(0, 0, 200, 4000),
})

const wait: fc.Arbitrary<Event> = fc.record({
  kind: fc.constant('wait' as const),
  forMs: fc.oneof(fc.nat(50), fc.nat(1000), fc.nat(20_000)),
})

function planOf(fates: readonly Fate[], mayLeave: boolean): fc.Arbitrary<Plan> {
  const one = fc.oneof(
    { weight: 6, arbitrary: requestOf(mayLeave) },
    { weight: 1, arbitrary: network },
    { weight: 3, arbitrary: wait },
  )
  return fc.record({
    events: fc.array(one, { minLength: 5, maxLength: 40 }),
    scripts: fc.array(scriptOf(fates), { minLength: 20, maxLength: 20 }),
    chances: fc.array(fc.nat(99), { minLength: 50, maxLength: 50 }),
    // A few worst cases, up to plenty.
    cap: fc.integer({ min: 1, max: 400 }).map((count) => count * 1_000_000),
  })
}

/** Two isolates, one ledger, providers that bill what they may, and a network between. */
class World {
  readonly town: Town
  readonly isolates: readonly [Isolate, Isolate]
  readonly requests: Promise<unknown>[] = []
  readonly #plan: Plan
  readonly #providers = new Map<'a' | 'b', BillingProvider[]>()
  #drawnScripts = 0
  #drawnChances = 0

  constructor(plan: Plan) {
    this.#plan = plan
    this.town = new Town({
      budgets: [
        budget('b', { capNanoUsd: n(plan.cap) }),
        budget('a', { scope: 'key:a', capNanoUsd: n(Math.ceil(plan.cap / 2)) }),
        budget('s', {
          scope: 'route:chat',
          mode: 'soft',
          capNanoUsd: n(1),
          failOpenNanoUsd: n(1e9),
        }),
      ],
    })
    this.isolates = [this.town.isolate('i1'), this.town.isolate('i2')]
  }

  billedTo(key: 'a' | 'b'): number {
    return (this.#providers.get(key) ?? []).reduce((sum, { billed }) => sum + billed, 0)
  }

  #chance(): number {
    this.#drawnChances += 1
    return this.#plan.chances[this.#drawnChances % this.#plan.chances.length] ?? 0
  }

  #script(): Script {
    this.#drawnScripts += 1
    const script = this.#plan.scripts[this.#drawnScripts % this.#plan.scripts.length]
    if (script === undefined) throw new Error('no script')
    return script
  }

  async step(event: Event): Promise<void> {
    switch (event.kind) {
      case 'wait':
        await this.town.clock.advance(event.forMs)
        return
      case 'network':
        this.#setNetwork(event)
        return
      case 'request':
        this.#request(event)
        await this.town.clock.settle()
    }
  }

  #setNetwork({ dropShare, doubleShare, longestMs }: Event & { kind: 'network' }): void {
    const { town } = this
    const pause = async () => {
      const delayMs = (longestMs * this.#chance()) / 100
      if (delayMs > 0) await new Promise<void>((resolve) => void town.clock.after(delayMs, resolve))
    }
    town.carry = async (deliver) => {
      await pause()
      if (this.#chance() < dropShare) throw new Error('the exchange was lost')
      if (this.#chance() < doubleShare) void town.clock.after(700, () => void deliver())
      const reply = deliver()
      await pause()
      if (this.#chance() < dropShare) throw new Error('the reply was lost')
      return reply
    }
  }

  #request({
    isolate: index,
    key,
    way,
    model,
    maxTokens,
    leaveAfterMs,
    deadlineMs,
  }: Event & { kind: 'request' }): void {
    const { town } = this
    const isolate = this.isolates[index]
    const host = isolate.host()
    const openai = { input: 2000, output: 8000, stops: true }
    const groq = { input: 590, output: 790, stops: false }
    const script = () => this.#script()
    const providers = [
      new BillingProvider(town, openai, script),
      new BillingProvider(town, groq, script),
    ]
    this.#providers.set(key, [...(this.#providers.get(key) ?? []), ...providers])
    const [first, second] = providers
    if (first === undefined || second === undefined) return
    host.on('openai', first.answer).on('backup', first.answer).on('api.groq.com', second.answer)
    const asked = way === 'whole' ? {} : way === 'relayed' ? relayed : translated
    const headers: Record<string, string> =
      deadlineMs === null ? {} : { 'x-switchyard-deadline-ms': String(deadlineMs) }
    const run = async () => {
      const response = await isolate.request(host, {
        ...asked,
        headers,
        caller: { ...demo, keyId: key },
        body: { ...asked.body, model, max_tokens: maxTokens },
      })
      if (leaveAfterMs === null) {
        await readAll(response.body ?? new ReadableStream({ start: (one) => one.close() }))
        return
      }
      const reader = response.body?.getReader()
      town.clock.after(leaveAfterMs, () => void reader?.cancel().catch(() => undefined))
      for (;;) {
        const read = await reader?.read().catch(() => ({ done: true }))
        if (read === undefined || read.done) return
      }
    }
    if (leaveAfterMs !== null) town.clock.after(leaveAfterMs, () => host.leave())
    this.requests.push(run())
  }

  /** At every moment: what was truly billed is charged, and what is charged was allowed. */
  check(): void {
    const { town } = this
    town.check()
    const account = (id: string): number =>
      [...town.ledger.state.tables.accounts.values()].find(({ budgetId }) => budgetId === id)
        ?.chargedNanoUsd ?? 0
    const { cap } = this.#plan
    expect(this.billedTo('a') + this.billedTo('b')).toBeLessThanOrEqual(account('b'))
    expect(account('b')).toBeLessThanOrEqual(cap)
    expect(this.billedTo('a')).toBeLessThanOrEqual(account('a'))
    expect(account('a')).toBeLessThanOrEqual(Math.ceil(cap / 2))
  }

  /** Faults are over, calls come to their end, errands run. */
  async drain(): Promise<void> {
    const { town } = this
    town.heal()
    await town.clock.advance(900_000)
    await Promise.all(this.requests)
    // The errands of before are over: another request carries what they could not.
    for (const isolate of this.isolates) {
      const host = isolate.host()
      await isolate.request(host, { body: { model: 'own' } })
    }
    await town.clock.advance(60_000)
  }
}

/** Prints the seed of a run that breaks, and takes one to repeat it. */
const seed = Number(process.env['MONEY_SEED'] ?? Date.now() % 2 ** 31)
const runs = Number(process.env['MONEY_RUNS'] ?? 40)
const parameters = {
  seed,
  numRuns: runs,
  interruptAfterTimeLimit: 60_000,
  markInterruptAsFailure: false,
}

async function played(plan: Plan): Promise<World> {
  const world = new World(plan)
  for (const event of plan.events) {
    await world.step(event)
    world.check()
  }
  await world.drain()
  world.check()
  return world
}

function expectDrained({ town, isolates }: World): void {
  for (const isolate of isolates) {
    const { leases, pending, voids, bookings, answers } = isolate.state()
    const open = [leases.size, pending.size, voids.size, bookings.size, answers.size]
    expect(open).toEqual([0, 0, 0, 0, 0])
  }
  const { charged, posted, lost } = town.account
  expect({ charged, lost }).toEqual({ charged: posted + abandonedAt(town), lost: 0 })
}

/** A copy of an ask that came late, after it had been denied, is granted, and nobody hears of it: it stays charged. */
function abandonedAt({ ledger }: Town): number {
  let sum = 0
  for (const { sequence, lineCount, grantNanoUsd, accounts } of ledger.state.index.open.values()) {
    expect([sequence, lineCount]).toEqual([0, 0])
    if (accounts.some((id) => id.startsWith('b@'))) sum += grantNanoUsd
  }
  return sum
}

describe(`money, whatever happens (seed ${seed})`, () => {
  it('true bill <= charged <= cap after every step, and nothing is held when all is over', async () => {
    await fc.assert(
      fc.asyncProperty(planOf([...knownFates, ...unknownFates], true), async (plan) => {
        expectDrained(await played(plan))
      }),
      parameters,
    )
  }, 120_000)

  it('charged = billed in the end, where every call was seen to its end', async () => {
    await fc.assert(
      fc.asyncProperty(planOf(knownFates, false), async (plan) => {
        const world = await played(plan)
        expectDrained(world)
        expect(world.town.account.posted).toBe(world.billedTo('a') + world.billedTo('b'))
      }),
      parameters,
    )
  }, 120_000)
})
