import type {
  HealthComposition,
  HealthLogEntry,
  ObjectSettings,
  ProbeResult,
} from '../../durable-objects/provider-health/composition.ts'
import { defaultHealthSettings } from '../../durable-objects/provider-health/settings.ts'

/**
 * What the objects of these tests take from outside. Tests and objects run in one isolate and share this module, so
 * a test says what time it is and what a provider answers, and no test waits for either.
 */

/** Noon, far ahead of the platform's clock: no alarm rings by itself. */
export const beginningMs = Date.UTC(2040, 0, 1, 12)

const plainSettings: ObjectSettings = {
  health: defaultHealthSettings,
  standby: new Map(),
  syntheticMaxNanoUsdPerDay: 50_000_000,
  credential: 'c0ffee00',
  alerts: null,
}

export class World {
  nowMs = beginningMs
  settings = plainSettings
  readonly log: HealthLogEntry[] = []
  /** Targets that were probed, in order. */
  readonly probed: string[] = []
  /** What a probe comes to; a test may let it wait. */
  answer: (target: string) => ProbeResult | Promise<ProbeResult> = working
  /** Writes of state, and of the alarm, by all objects. */
  stored = 0
  alarmsSet = 0
  /** Objects that were loaded. */
  loaded = 0

  reset(): void {
    this.nowMs = beginningMs
    this.settings = plainSettings
    this.log.length = 0
    this.probed.length = 0
    this.answer = working
    this.stored = 0
    this.alarmsSet = 0
    this.loaded = 0
  }

  pass(ms: number): void {
    this.nowMs += ms
  }

  configure(settings: Partial<ObjectSettings>): void {
    this.settings = { ...this.settings, ...settings }
  }
}

export const world = new World()

export const testComposition: HealthComposition = {
  settingsOf: () => {
    world.loaded += 1
    return world.settings
  },
  prober: async (target) => {
    world.probed.push(target)
    return world.answer(target)
  },
  log: (entry) => void world.log.push(entry),
  clock: { nowMs: () => world.nowMs, random: () => 0.5 },
}

function working(): ProbeResult {
  return { outcome: 'ok', ttftMs: 400, costNanoUsd: 20_000 }
}
