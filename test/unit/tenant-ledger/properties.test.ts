import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loadLedger, rowsOf } from '../../../durable-objects/tenant-ledger/ledger.ts'
import type {
  AttemptLine,
  LeaseId,
  Statement,
} from '../../../durable-objects/tenant-ledger/protocol.ts'
import { budget, granted, Ledger, line, n, statement } from './support.ts'

interface Attempt {
  readonly worst: number
  readonly amount: number
}

/** What an honest holder of a lease of 1,000 says of it, in order: each statement has every line so far. */
function storyOf(
  id: LeaseId,
  attempts: readonly Attempt[],
  sealAfter: number,
): readonly Statement[] {
  let [spent, held] = [0, attempts.reduce((sum, { worst }) => sum + worst, 0)]
  const lines: AttemptLine[] = []
  const story: Statement[] = []
  for (const [index, { worst, amount }] of attempts.entries()) {
    lines.push(line(index + 1, amount, worst))
    held -= worst
    spent += Math.min(amount, worst)
    const kind = index < sealAfter ? 'report' : 'seal'
    story.push(statement(kind, id, spent, held, [...lines], index + 1))
  }
  story.push(statement('close', id, spent, 0, [...lines], attempts.length + 1))
  return story
}

const attempt = fc
  .tuple(fc.nat(60), fc.nat(70))
  .map(([worst, amount]): Attempt => ({ worst, amount }))

describe('a set of messages', () => {
  it('comes to the same state in any order, with any of them doubled, when the last is there', () => {
    fc.assert(
      fc.property(
        fc.array(attempt, { minLength: 1, maxLength: 8 }),
        fc.nat(8),
        fc.infiniteStream(fc.nat(1000)),
        (attempts, sealAfter, chance) => {
          const draw = (below: number): number => (chance.next().value ?? 0) % below
          const tell = (order: (story: readonly Statement[]) => readonly Statement[]) => {
            const ledger = new Ledger([budget('b', { capNanoUsd: n(4000) })], [], {
              grantBasisPoints: 10_000,
            })
            const { leaseId } = ledger.lease(1000)
            for (const said of order(storyOf(leaseId, attempts, sealAfter))) ledger.exchange([said])
            const { chargedNanoUsd, postedNanoUsd, phantomNanoUsd, overrunNanoUsd } =
              ledger.account()
            const { state, lineCount, finalNanoUsd, sequence } = ledger.row(leaseId)
            return {
              money: { chargedNanoUsd, postedNanoUsd, phantomNanoUsd, overrunNanoUsd },
              lease: { state, lineCount, finalNanoUsd, sequence },
              lines: ledger.lines.length,
            }
          }
          const inOrder = tell((story) => story)
          const shuffled = tell((story) => {
            const all = [...story, ...story.filter(() => draw(2) === 0)]
            for (let at = all.length - 1; at > 0; at -= 1) {
              const other = draw(at + 1)
              const [a, b] = [all[at], all[other]]
              if (a !== undefined && b !== undefined) [all[at], all[other]] = [b, a]
            }
            return all
          })
          // After the close the ledger may have seen an older sequence only: the latest word is kept.
          expect(shuffled).toEqual(inOrder)
          expect(inOrder.money.chargedNanoUsd).toBe(
            attempts.reduce((sum, { amount }) => sum + amount, 0),
          )
        },
      ),
      { numRuns: 300 },
    )
  })
})

type Command =
  | { readonly kind: 'grant' | 'hold'; readonly amount: number; readonly key: 'a' | 'b' }
  | { readonly kind: 'seal' | 'report'; readonly lease: number; readonly share: number }
  | {
      readonly kind: 'close'
      readonly lease: number
      readonly amount: number
      readonly over: number
    }
  | { readonly kind: 'void'; readonly lease: number }
  | { readonly kind: 'again'; readonly message: number }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'evict' }
  | { readonly kind: 'cap'; readonly cap: number }
  | { readonly kind: 'reconcile'; readonly lease: number }

const index = fc.nat(30)
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('grant' as const, 'hold' as const),
    amount: fc.nat(400),
    key: fc.constantFrom('a' as const, 'b' as const),
  }),
  fc.record({
    kind: fc.constantFrom('seal' as const, 'report' as const),
    lease: index,
    share: fc.nat(100),
  }),
  fc.record({
    kind: fc.constant('close' as const),
    lease: index,
    amount: fc.nat(400),
    over: fc.nat(3),
  }),
  fc.record({ kind: fc.constant('void' as const), lease: index }),
  fc.record({ kind: fc.constant('again' as const), message: index }),
  fc.record({
    kind: fc.constant('pass' as const),
    ms: fc.integer({ min: -3_600_000, max: 3_600_000 }),
  }),
  fc.constant({ kind: 'evict' as const }),
  fc.record({ kind: fc.constant('cap' as const), cap: fc.nat(3000) }),
  fc.record({ kind: fc.constant('reconcile' as const), lease: index }),
)

/** Runs any commands; the books beside the ledger throw at the first broken invariant. */
function play(commands: readonly Command[]): Ledger {
  const budgets = (cap: number) => [
    budget('all', { period: 'hour', capNanoUsd: n(cap) }),
    budget('key', { scope: 'key:a', capNanoUsd: n(600) }),
  ]
  const ledger = new Ledger(budgets(2000))
  const leases: { id: LeaseId; grant: number; askId: string; sequence: number }[] = []
  const sent: Statement[] = []
  const say = (said: Statement): void => {
    sent.push(said)
    ledger.exchange([said])
  }
  for (const one of commands) {
    const lease = 'lease' in one ? leases[one.lease % Math.max(1, leases.length)] : undefined
    switch (one.kind) {
      case 'grant':
      case 'hold': {
        const scopes = ['tenant', `key:${one.key}`] as const
        const answer =
          one.kind === 'hold'
            ? ledger.hold(one.amount, { scopes })
            : ledger.grant(one.amount, 1, { scopes })
        if (answer.kind === 'granted')
          leases.push({
            id: answer.leaseId,
            grant: answer.grantNanoUsd,
            askId: answer.askId,
            sequence: 0,
          })
        break
      }
      case 'seal':
      case 'report':
        if (lease === undefined) break
        lease.sequence += 1
        say(
          statement(
            one.kind,
            lease.id,
            0,
            Math.floor((lease.grant * one.share) / 100),
            [],
            lease.sequence,
          ),
        )
        break
      case 'close': {
        if (lease === undefined) break
        lease.sequence += 1
        const amount = Math.min(lease.grant, one.amount)
        say(
          statement(
            'close',
            lease.id,
            amount,
            0,
            [line(1, amount + one.over, amount)],
            lease.sequence,
          ),
        )
        break
      }
      case 'void':
        if (lease !== undefined) say({ kind: 'void', askId: lease.askId })
        break
      case 'again': {
        const said = sent[one.message % Math.max(1, sent.length)]
        if (said !== undefined) ledger.exchange([said])
        break
      }
      case 'pass':
        ledger.tick(one.ms)
        break
      case 'evict':
        ledger.state = loadLedger(ledger.state.settings, [...rowsOf(ledger.state)])
        break
      case 'cap':
        ledger.take({ kind: 'configure', budgets: budgets(one.cap), limits: [] })
        break
      case 'reconcile':
        if (lease !== undefined)
          ledger.take({ kind: 'reconcile', leaseId: lease.id, finalNanoUsd: n(0), actor: 'ops' })
    }
  }
  return ledger
}

describe('the ledger', () => {
  it('keeps its invariants under any commands, clocks that go back, evictions and caps that move', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        play(commands).books.audit()
      }),
      { numRuns: 400 },
    )
  })

  it('grants what fits, to the last nano-dollar, whatever happened before', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
        const ledger = play(commands)
        const room = ledger.hold(9_000_000_000).remainingNanoUsd ?? 0
        if (room === 0) return
        expect(ledger.hold(room + 1).kind).toBe('denied')
        expect(granted(ledger.hold(room)).remainingNanoUsd).toBe(0)
      }),
      { numRuns: 200 },
    )
  })
})
