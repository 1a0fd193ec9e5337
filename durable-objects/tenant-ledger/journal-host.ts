import type { Jurisdiction } from '../provider-health/place.ts'
import { withoutStandIn } from '../provider-health/place.ts'
import { alertOfRollback } from './alerts.ts'
import type { LedgerComposition, Variables } from './composition.ts'
import { JournalCourier } from './journal-courier.ts'
import type { LedgerKeeper } from './keeper.ts'
import { OutboxStore } from './outbox-store.ts'
import { epochAfter } from './rollback.ts'
import type { RowChange } from './rows.ts'

/** The courier of an object's journal; null where none is bound. */
export function courierOf(
  keeper: LedgerKeeper,
  ctx: DurableObjectState,
  env: Variables,
  composition: LedgerComposition,
): JournalCourier | null {
  const { name } = withoutStandIn(ctx.id.name ?? '')
  const jurisdiction = keeper.source.jurisdiction as Jurisdiction | null
  const binding = composition.journalOf?.(env, { ledgerName: name, jurisdiction }) ?? null
  if (binding === null) return null
  const outbox = new OutboxStore(ctx.storage.sql, () => keeper.nowMs())
  return new JournalCourier(outbox, binding.stub, binding.settings, {
    nowMs: () => keeper.nowMs(),
    log: (entry) => keeper.log(entry),
    tell: (alert) => void keeper.take({ alerts: [alert] }),
    run: (work) => keeper.run(work),
    setAlarm: () => keeper.setAlarm(),
    writeOn: (changes, known) => keeper.writeOn(changes, known),
    restored: (isComplete) => beginEpoch(keeper, 0, isComplete),
  })
}

/**
 * The database went back, and is as far again as anybody knows. What was revoked meanwhile is revoked again, also where
 * it is a key of the backup; `beyond`: the latest epoch that somebody else knows of.
 */
export function beginEpoch(keeper: LedgerKeeper, beyond: number, isComplete: boolean): void {
  const nowMs = keeper.nowMs()
  const { state } = keeper.memory()
  const epoch = epochAfter(state, beyond, nowMs)
  const kills = [...state.tables.kills.values()].map((row): RowChange => ({
    table: 'kills',
    id: row.id,
    row,
  }))
  keeper.log({ event: 'ledger_rolled_back', epoch })
  keeper.take({
    events: [{ kind: 'restored', epoch, journal: [kills], isComplete }],
    actor: 'ledger',
    alerts: [alertOfRollback(epoch, nowMs)],
  })
}
