import type { HealthSettings } from '../settings.ts'

interface Sender {
  last: number
  /** Bit i: the report `last - 1 - i` was counted. Two halves, because bits of a number end at 32. */
  low: number
  high: number
  seenMs: number
}

/** Who reported what: each report counts once, however often and in whatever order it comes. */
export interface Senders {
  /** By isolate and boot nonce, the one heard of last at the end. */
  readonly known: Map<string, Sender>
  /** How many were last heard of in a bucket of time: a ring like that of a window. */
  readonly activeStamps: Float64Array
  readonly activeCounts: Float64Array
  forgetAtMs: number
}

export function noSenders({ longWindowBuckets }: HealthSettings): Senders {
  return {
    known: new Map(),
    activeStamps: new Float64Array(longWindowBuckets).fill(-Infinity),
    activeCounts: new Float64Array(longWindowBuckets),
    forgetAtMs: 0,
  }
}

/** True when this report was not counted before. One that is too old to say is not: lost evidence is better than double. */
export function isNews(
  senders: Senders,
  name: string,
  sequence: number,
  nowMs: number,
  settings: HealthSettings,
): boolean {
  const { known } = senders
  const before = known.get(name)
  const sender = before ?? { last: sequence, low: 0, high: 0, seenMs: nowMs }
  const isNew = before === undefined || mark(sender, sequence)
  if (before !== undefined) leave(senders, before, settings)
  known.delete(name)
  known.set(name, sender)
  sender.seenMs = nowMs
  arrive(senders, nowMs, settings)
  forget(senders, nowMs, settings)
  return isNew
}

/** Isolates heard of in the long window. */
export function activeIsolates(senders: Senders, nowMs: number, settings: HealthSettings): number {
  const newest = Math.floor(nowMs / settings.bucketMs)
  let active = 0
  for (const [slot, stamp] of senders.activeStamps.entries()) {
    if (newest - stamp < senders.activeStamps.length) active += senders.activeCounts[slot] ?? 0
  }
  return active
}

/** Paces the isolates so that together they send some 500 reports a second. */
export function nextFlushMs(active: number, settings: HealthSettings): number {
  const evenMs = (active / settings.reportsPerS) * 1000
  return Math.round(Math.min(Math.max(evenMs, settings.flushMinMs), settings.flushMaxMs))
}

function mark(sender: Sender, sequence: number): boolean {
  const ahead = sequence - sender.last
  if (ahead > 0) {
    shift(sender, ahead)
    setBit(sender, ahead - 1)
    sender.last = sequence
    return true
  }
  const bit = -ahead - 1
  if (bit < 0 || bit >= 64 || hasBit(sender, bit)) return false
  setBit(sender, bit)
  return true
}

function shift(sender: Sender, by: number): void {
  if (by >= 64) {
    sender.low = 0
    sender.high = 0
  } else if (by >= 32) {
    sender.high = sender.low << (by - 32)
    sender.low = 0
  } else {
    sender.high = (sender.high << by) | (sender.low >>> (32 - by))
    sender.low <<= by
  }
}

function setBit(sender: Sender, bit: number): void {
  if (bit < 32) sender.low |= 1 << bit
  else if (bit < 64) sender.high |= 1 << (bit - 32)
}

function hasBit(sender: Sender, bit: number): boolean {
  return ((bit < 32 ? sender.low >>> bit : sender.high >>> (bit - 32)) & 1) === 1
}

function arrive(senders: Senders, nowMs: number, { bucketMs }: HealthSettings): void {
  const bucket = Math.floor(nowMs / bucketMs)
  const slot = bucket % senders.activeStamps.length
  if (senders.activeStamps[slot] !== bucket) {
    senders.activeStamps[slot] = bucket
    senders.activeCounts[slot] = 0
  }
  senders.activeCounts[slot] = (senders.activeCounts[slot] ?? 0) + 1
}

function leave(senders: Senders, { seenMs }: Sender, { bucketMs }: HealthSettings): void {
  const bucket = Math.floor(seenMs / bucketMs)
  const slot = bucket % senders.activeStamps.length
  if (senders.activeStamps[slot] !== bucket) return
  senders.activeCounts[slot] = (senders.activeCounts[slot] ?? 0) - 1
}

/**
 * The map is in the order in which they were heard of, so only its head can be too old or too much. Finding the
 * head of a map that was emptied from there is slow (12 us at 20,000), hence once a bucket, and a tenth at a time.
 */
function forget(senders: Senders, nowMs: number, settings: HealthSettings): void {
  const { known } = senders
  const isFull = known.size > settings.maxIsolates
  if (!isFull && nowMs < senders.forgetAtMs) return
  senders.forgetAtMs = nowMs + settings.bucketMs
  const keep = isFull ? Math.ceil(settings.maxIsolates * 0.9) : settings.maxIsolates
  for (const [name, sender] of known) {
    if (nowMs - sender.seenMs <= settings.isolateTtlMs && known.size <= keep) return
    leave(senders, sender, settings)
    known.delete(name)
  }
}
