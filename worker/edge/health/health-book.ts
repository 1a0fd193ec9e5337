import type { MeasurePort } from '../../engine/measure-port.ts'
import { BookMeasures } from '../measure/book-measures.ts'
import { RankMemory } from '../measure/rank-memory.ts'
import type { Provider } from '../provider.ts'
import { ProviderWatch } from './provider-watch.ts'
import { defaultWatchSettings, type WatchSettings } from './settings.ts'

export interface BookSetup {
  /** Names this isolate to the objects; random. */
  readonly isolate: string
  readonly observeOnly: boolean
  readonly random: () => number
  readonly settings?: WatchSettings
}

/** What an isolate knows of the health of all providers; one watch each, made when the provider is first looked at. */
export class HealthBook {
  readonly settings: WatchSettings
  readonly memory = new RankMemory()
  readonly measures: MeasurePort = new BookMeasures(this)
  readonly #setup: BookSetup
  readonly #watches = new Map<string, ProviderWatch>()

  constructor(setup: BookSetup) {
    this.#setup = setup
    this.settings = setup.settings ?? defaultWatchSettings
  }

  watch({ id, credentialId }: Provider, nowMs: number): ProviderWatch {
    let watch = this.#watches.get(id)
    if (watch === undefined) {
      const { isolate, observeOnly, random } = this.#setup
      const who = { isolate, bootNonce: isolate, credential: credentialId }
      watch = new ProviderWatch({ ...who, observeOnly, settings: this.settings }, nowMs, random)
      this.#watches.set(id, watch)
    }
    return watch
  }

  known(provider: string): ProviderWatch | undefined {
    return this.#watches.get(provider)
  }
}
