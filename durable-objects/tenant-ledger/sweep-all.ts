import { removal, swept } from './access/idempotency.ts'
import { sweepKeys } from './access/keys.ts'
import { keysDueMs } from './access/state.ts'
import type { LedgerKeeper } from './keeper.ts'
import { isDue, wasSwept } from './sweeps.ts'

/** Deletes what is too old, a slice of each at most. */
export function sweepAll(keeper: LedgerKeeper): void {
  sweepLines(keeper)
  sweepEntries(keeper)
  sweepOldKeys(keeper)
}

function sweepLines(keeper: LedgerKeeper): void {
  const nowMs = keeper.nowMs()
  const { lines } = keeper.memory().sweeps
  if (!isDue(lines, nowMs)) return
  keeper.lines.sweep(nowMs - keeper.settings.keepLinesMs)
  wasSwept(lines, keeper.linesDueMs(), nowMs)
}

function sweepEntries(keeper: LedgerKeeper): void {
  const nowMs = keeper.nowMs()
  const { entries } = keeper.memory().sweeps
  if (!isDue(entries, nowMs)) return
  const { access: settings } = keeper.settings
  const due = swept(keeper.entries.dueEntries(nowMs, settings.sweepSlice), settings, nowMs)
  const bytes = due.reduce((sum, { answer }) => sum + (answer?.bytes ?? 0), 0)
  const access = { changes: due.flatMap(removal), effects: [] }
  keeper.take({ access, storedBytes: -bytes })
  wasSwept(entries, keeper.entries.entriesDueMs(), nowMs)
}

function sweepOldKeys(keeper: LedgerKeeper): void {
  const nowMs = keeper.nowMs()
  const { access, sweeps } = keeper.memory()
  if (!isDue(sweeps.keys, nowMs)) return
  const changes = sweepKeys(access.keys, keeper.settings.access, nowMs)
  keeper.take({ access: { changes, effects: [] }, actor: 'ledger' })
  wasSwept(sweeps.keys, keysDueMs(access, keeper.settings.access), nowMs)
}
