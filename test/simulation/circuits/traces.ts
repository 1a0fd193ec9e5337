import { Random } from '../kernel/random.ts'
import { worldStartMs } from './world.ts'

/** One first attempt of a request: when, and how it goes if it is sent. */
export interface TraceCall {
  readonly atMs: number
  readonly failed: boolean
}

export interface TraceShape {
  readonly requestsPerS: number
  /** Share of calls that fail at a moment. */
  readonly failing: (atMs: number) => number
}

/** Requests as a Poisson process, and how each call of them goes. The same for every rule that is compared. */
export function* trace(seed: string, { requestsPerS, failing }: TraceShape): Generator<TraceCall> {
  const random = new Random(seed)
  let atMs = worldStartMs + random.between(0, 60_000)
  for (;;) {
    atMs += random.exponential(1000 / requestsPerS)
    yield { atMs, failed: random.chance(failing(atMs)) }
  }
}

/** A minute with background errors, and then a fault that does not end. Its minute of the clock differs by seed. */
export function onsetOf(seed: string): number {
  return worldStartMs + warmUpMs + new Random(`${seed}/onset`).between(0, 60_000)
}

export function onsetShape(seed: string, requestsPerS: number, share: number): TraceShape {
  const fromMs = onsetOf(seed)
  return { requestsPerS, failing: (atMs) => (atMs < fromMs ? backgroundErrors : share) }
}

export const backgroundErrors = 0.01

const warmUpMs = 120_000
