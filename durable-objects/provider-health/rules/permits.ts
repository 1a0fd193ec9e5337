import type { DomainKey, Permit } from '../protocol.ts'

export interface HeldPermit {
  readonly key: DomainKey
  readonly epoch: number
  readonly untilMs: number
}

/** Permits that are out. Their ids carry the life of the object: one of an earlier life is unknown, not another's. */
export interface PermitBook {
  issued: number
  readonly held: Map<string, HeldPermit>
}

export function noPermits(): PermitBook {
  return { issued: 0, held: new Map() }
}

/** Permits of this generation that are out. */
export function permitsOut(book: PermitBook, key: DomainKey, epoch: number): number {
  let out = 0
  for (const held of book.held.values()) if (held.key === key && held.epoch === epoch) out += 1
  return out
}

export function issuePermit(
  book: PermitBook,
  boot: string,
  key: DomainKey,
  epoch: number,
  forMs: number,
  nowMs: number,
): Permit {
  book.issued += 1
  const permitId = `${boot}.${book.issued}`
  book.held.set(permitId, { key, epoch, untilMs: nowMs + forMs })
  return { permitId, key, epoch, forMs }
}

/** Takes a permit back with its outcome: null when it is unknown, used, or its time is over. */
export function returnPermit(book: PermitBook, permitId: string, nowMs: number): HeldPermit | null {
  const held = book.held.get(permitId)
  if (held === undefined || nowMs >= held.untilMs) return null
  book.held.delete(permitId)
  return held
}

/** Removes and answers those whose time is over. */
export function lapsedPermits(book: PermitBook, nowMs: number): readonly HeldPermit[] {
  const lapsed: HeldPermit[] = []
  for (const [permitId, held] of book.held) {
    if (nowMs < held.untilMs) continue
    book.held.delete(permitId)
    lapsed.push(held)
  }
  return lapsed
}
