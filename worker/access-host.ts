import { PinnedElsewhere } from '../durable-objects/tenant-ledger/stub.ts'
import type { AppContext } from './doors.ts'
import type { AccessHost } from './edge/access/access.ts'
import { addressOf, isWithinLimit } from './edge/access/junk-shield.ts'
import type { Isolate } from './edge/isolate.ts'
import { firstCreditOf, mayCost } from './edge/ledger/first-credit.ts'
import type { LedgerBook } from './edge/ledger/ledger-book.ts'
import { openKey, type OpenHost } from './edge/ledger/open-key.ts'
import { ledgerIn, ledgerOf } from './edge/ledger-of.ts'
import { openForRun, voidHanded } from './edge/run/handed-credit.ts'
import type { Caller } from './engine/caller.ts'

type Key = Parameters<OpenHost['open']>[0]['key']

/** What asking for a key needs of the request that brings it. */
export function accessHostOf(context: AppContext, isolate: Isolate): AccessHost {
  const { env, req, executionCtx } = context
  const { ledger, residencies } = isolate
  return {
    nowMs: Date.now,
    waitUntil: (work) => executionCtx.waitUntil(work),
    addressOf: () => addressOf(req.raw),
    isWithinLimit: (address) => isWithinLimit(env, address),
    killVersionOf: (tenant) => ledger?.killVersionOf(tenant) ?? -1,
    isDeclared: (tenant) => residencies.declared(tenant) !== null,
    open: async (tenant, key, isAwaited) => {
      if (ledger === null) return ledgerOf(req.raw, env, residencies)(tenant).open({ key })
      return open(context, isolate, ledger, tenant, key, isAwaited && mayCost(req.raw))
    },
  }
}

function open(
  context: AppContext,
  isolate: Isolate,
  ledger: LedgerBook,
  tenant: string,
  key: Key,
  isSpender: boolean,
) {
  const { env, req } = context
  const { runtime, residencies } = isolate
  const first = isSpender ? () => firstCreditOf(req.raw, runtime) : null
  const errands = errandsOf(context, isolate, tenant)
  const toLedger: OpenHost = {
    ...errands,
    open: (call) => ledgerOf(req.raw, env, residencies)(tenant).open(call),
  }
  const inside = async () => {
    if (first === null || !isRunOnce(req.raw)) return openKey(ledger, tenant, key, null, toLedger)
    const sentAtMs = Date.now()
    const { opened, handed } = await openForRun(tenant, key, first, toLedger)
    if (handed !== null) context.set('handed', handed)
    if (opened.kind === 'rejected') return opened
    ledger.sawKillVersion(tenant, opened.killVersion, sentAtMs)
    const { advance: _handed, ...reply } = opened
    return reply
  }
  if (residencies.of(tenant) !== null) return inside()
  return openKey(ledger, tenant, key, first, {
    ...errands,
    open: async (call) => {
      try {
        return await ledgerIn(req.raw, env, tenant, null).open(call)
      } catch (fault) {
        if (!(fault instanceof PinnedElsewhere)) throw fault
        residencies.learn(tenant, fault.residency)
        return inside()
      }
    },
  })
}

/** An object of its own runs it, and no other request can join it or find it again. */
function isRunOnce({ headers }: Request): boolean {
  return !['idempotency-key', 'last-event-id', 'prefer'].some((name) => headers.has(name))
}

/** Credit of a request that was not sent on: refused at the door. */
export function giveBackHanded(context: AppContext, isolate: Isolate, { tenant }: Caller): void {
  const handed = context.get('handed')
  context.set('handed', undefined)
  if (handed !== undefined) voidHanded(handed, tenant, errandsOf(context, isolate, tenant))
}

function errandsOf(
  { env, req, executionCtx }: AppContext,
  { residencies }: Isolate,
  tenant: string,
): Omit<OpenHost, 'open'> {
  return {
    nowMs: Date.now,
    after: (delayMs, then) => {
      const timer = setTimeout(then, delayMs)
      return () => clearTimeout(timer)
    },
    waitUntil: (work) => executionCtx.waitUntil(work),
    send: (exchange) => ledgerOf(req.raw, env, residencies)(tenant).exchange(exchange),
  }
}
