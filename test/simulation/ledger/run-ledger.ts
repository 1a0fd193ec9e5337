import { BrokenInvariant } from '../kernel/broken.ts'
import { LedgerWorld } from './world.ts'

export interface LedgerRunSettings {
  readonly maxSteps: number
  readonly busyMs: number
  readonly drainMs: number
  /** Log lines to keep. */
  readonly keptLines: number
}

export const ledgerRunDefaults: LedgerRunSettings = {
  maxSteps: 5000,
  busyMs: 240_000,
  drainMs: 120_000,
  keptLines: 40,
}

export interface LedgerRun {
  readonly world: LedgerWorld
  /** The invariant that does not hold, with its values; null when all do. */
  readonly broken: string | null
  readonly steps: number
}

/** One history: traffic and faults, then calm, then everything accounted for. */
export async function runLedger(
  seed: string,
  settings: LedgerRunSettings = ledgerRunDefaults,
): Promise<LedgerRun> {
  const world = new LedgerWorld(seed, settings.keptLines)
  const { timeline } = world
  try {
    const busyUntilMs = timeline.nowMs + settings.busyMs
    await timeline.run(busyUntilMs, () => timeline.steps >= settings.maxSteps)
    world.isDraining = true
    for (const isolate of world.isolates) isolate.isLeaving = true
    const isOver = () => world.isolates.length === 0 && world.pinned.isQuiet
    await timeline.run(timeline.nowMs + settings.drainMs, isOver)
    world.checkDrained()
    return { world, broken: null, steps: timeline.steps }
  } catch (error) {
    const text =
      error instanceof BrokenInvariant ? error.message : `${String(error)} ${stackOf(error)}`
    return { world, broken: text, steps: timeline.steps }
  }
}

/** A throw of the code is a broken promise too; where it happened is half of the answer. */
function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? '').split('\n').slice(1, 5).join(' ') : ''
}
