import { Sometimes } from '../kernel/sometimes.ts'

/** Branches that a run over many seeds must have taken, each at least once. */
export const branches = [
  // The object's circuits.
  'opened for a blackout',
  'opened for a brownout',
  'opened for slowness',
  'opened for broken outputs',
  'opened for cost',
  'opened again by a failed probe',
  'closed by clean probes',
  'degraded for slowness',
  'permit lapsed',
  'opened again after three lapsed permits',
  'probe of an earlier generation ignored',
  'probe of an earlier life ignored',
  'synthetic probe sent',
  'forced state expired',
  'circuit reset by an operator',
  // Gates and locks.
  'wait of a gate grew',
  'rate of a gate cut',
  'quota locked',
  'quota freed by a probe',
  'credential locked',
  'credential freed by a probe',
  'probe of a lock refused again',
  // Messages and lives.
  'report counted out of order',
  'duplicate report not counted',
  'evicted while open',
  'evicted while half-open',
  'killed before a change was stored',
  'alarm woke an evicted object',
  'reply of an earlier life came late',
  'reply overtaken by a newer one',
  'isolate died with a permit',
  // The isolate's side.
  'own core protected a cut-off isolate',
  'word of the object older than 15 s still held',
  'isolate alone for a minute',
  'target suspected by one isolate',
  'target full',
  'rate-limited target paced',
  'short wait for a gate',
  'all targets barred, one asked all the same',
  'slow target asked because all others are barred',
  'request shed by adaptive throttling',
  'fallback of a probe sent beside it',
  'probe won against its fallback',
  'fallback won against its probe',
  'retry budget refused',
  'caller left before the first token',
] as const

export type Branch = (typeof branches)[number]

export type Branches = Sometimes<Branch>

export function newBranches(): Branches {
  return new Sometimes(branches)
}
