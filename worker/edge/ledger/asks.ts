import type { NanoUsd } from '../../../durable-objects/tenant-ledger/money.ts'
import type { Ask, Units } from '../../../durable-objects/tenant-ledger/protocol.ts'
import type { HolderState, PendingAsk, Want } from './holder-state.ts'

/** An ask of a new id, written down until it is answered. */
export function askFor(
  state: HolderState,
  kind: PendingAsk['kind'],
  setKey: string,
  want: Want,
  wantNanoUsd: NanoUsd,
  units: Units,
): { readonly askId: string; readonly ask: Ask } {
  state.askCount += 1
  const askId = `${state.holder}-${state.askCount}`
  const { nowMs, killVersion } = state
  const pending: PendingAsk = {
    askId,
    kind,
    setKey,
    want,
    wantNanoUsd,
    units,
    firstSentAtMs: nowMs,
    sentAtMs: nowMs,
    isResent: false,
    killVersion,
  }
  state.pending.set(askId, pending)
  return { askId, ask: askOf(pending) }
}

export function resend(pending: PendingAsk, nowMs: number): Ask {
  pending.sentAtMs = nowMs
  pending.isResent = true
  return askOf(pending)
}

/** Word for word the same each time it is sent. */
function askOf({ askId, kind, want, wantNanoUsd, units }: PendingAsk): Ask {
  const { scopes, worstNanoUsd, leastNanoUsd, tokens } = want
  switch (kind) {
    case 'hold':
      return { kind, askId, scopes, worstNanoUsd, leastNanoUsd, tokens }
    case 'grant':
      return { kind, askId, scopes, wantNanoUsd, leastNanoUsd, units }
    // What it is for the ledger says, which knows the key.
    case 'advance':
      return { kind, askId, scopes, wantNanoUsd, softNanoUsd: wantNanoUsd, leastNanoUsd, tokens }
  }
}
