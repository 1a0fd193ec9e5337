import type { DomainKey } from '../../../durable-objects/provider-health/protocol.ts'
import { BrokenInvariant, invariant } from '../kernel/broken.ts'
import { Random } from '../kernel/random.ts'
import { untilCalm } from './calm.ts'
import { drawRoutes, drawShare } from './chaos-setup.ts'
import { drawFaults, providerFault, type FaultKind } from './fault-plan.ts'
import { targetsOf, providerOf, type FleetRoute } from './fleet.ts'
import type { SimulatedIsolate } from './isolate.ts'
import { fairNetwork, type NetworkWeather } from './network.ts'
import { fairWeather, ProviderModel } from './provider-model.ts'
import { World, worldStartMs } from './world.ts'

export interface ChaosResult {
  readonly world: World
  readonly faults: ReadonlySet<FaultKind>
  /** From the end of the last fault until nothing was left of it, ms. */
  readonly calmAfterMs: number
  readonly broken: string | null
}

export interface ChaosOptions {
  readonly keptLines: number
  /** How long faults go on, ms. */
  readonly faultsMs: number
}

export const chaosDefaults: ChaosOptions = { keptLines: 60, faultsMs: 600_000 }

/** Everything that can happen to circuits, from one seed: faults for ten minutes, and then the calm that must follow. */
export async function runChaos(
  seed: string,
  options: ChaosOptions = chaosDefaults,
): Promise<ChaosResult> {
  const chaos = new Chaos(seed, options)
  let calmAfterMs = Infinity
  let broken: string | null = null
  try {
    calmAfterMs = await chaos.run()
  } catch (error) {
    if (!(error instanceof BrokenInvariant)) throw error
    broken = error.message
    chaos.world.write(`BROKEN ${broken}`)
  }
  return { world: chaos.world, faults: chaos.faults, calmAfterMs, broken }
}

class Chaos {
  readonly world: World
  readonly faults: ReadonlySet<FaultKind>
  readonly #options: ChaosOptions
  readonly #routes: readonly FleetRoute[]
  /** Names of those that requests name. */
  readonly #asked: readonly [string, ...string[]]
  readonly #random: Random
  readonly #traffic: Random
  readonly #upstream: ProviderModel
  readonly #shares = new Map<SimulatedIsolate, number>()
  readonly #requestsPerS: number
  readonly #streamed: number
  #isOver = false

  constructor(seed: string, options: ChaosOptions) {
    this.#options = options
    const random = new Random(seed)
    this.#random = random.fork('faults')
    this.#traffic = random.fork('traffic')
    this.#routes = drawRoutes(random)
    const isSolo = this.#routes.some(({ name }) => name === 'solo')
    this.#asked = isSolo ? ['chat', 'chat', 'solo'] : ['chat']
    this.faults = drawFaults(random)
    this.#requestsPerS = random.pick([4, 8, 12])
    this.#streamed = random.pick([1, 0.8])
    const upstream = new ProviderModel(random.fork('providers'), {
      ...fairWeather,
      backgroundErrors: random.pick([0, 0.01]),
    })
    this.#upstream = upstream
    this.world = new World({
      seed,
      routes: this.#routes,
      isolates: 0,
      network: fairNetwork,
      upstream: () => upstream,
      maxSkewMs: 5000,
      isChecked: true,
      keptLines: options.keptLines,
    })
    const isolates = 2 + random.below(9)
    for (let isolate = 0; isolate < isolates; isolate += 1) this.#bear()
  }

  async run(): Promise<number> {
    const { world } = this
    const faultsFromMs = worldStartMs + warmUpMs
    const faultsUntilMs = faultsFromMs + this.#options.faultsMs
    world.write(`faults: ${[...this.faults].join(', ')}`)
    this.#arrive()
    await world.timeline.run(faultsFromMs)
    for (const kind of this.faults) this.#schedule(kind)
    await world.timeline.run(faultsUntilMs)
    this.#heal()
    return untilCalm(world)
  }

  #arrive(): void {
    const { timeline } = this.world
    timeline.after(this.#traffic.exponential(1000 / this.#requestsPerS), () => {
      const isolate = this.#isolate()
      const leaves =
        !this.#isOver && this.faults.has('leaving-callers') && this.#traffic.chance(0.05)
      this.world.request(isolate, {
        route: this.#traffic.pick(this.#asked),
        stream: this.#traffic.chance(this.#streamed),
        promptTokens: this.#traffic.pick([100, 100, 100, 3000]),
        leavesAfterMs: leaves ? this.#traffic.between(50, 15_000) : Infinity,
      })
      this.#arrive()
    })
  }

  #isolate(): SimulatedIsolate {
    const all = this.world.isolates
    const total = all.reduce((sum, isolate) => sum + (this.#shares.get(isolate) ?? 0), 0)
    let point = this.#traffic.next() * total
    for (const isolate of all) {
      point -= this.#shares.get(isolate) ?? 0
      if (point < 0) return isolate
    }
    return all[0] ?? this.#bear()
  }

  #bear(): SimulatedIsolate {
    const isolate = this.world.bear()
    // Somebody has to be busy.
    this.#shares.set(isolate, this.world.isolates.length === 1 ? 1 : drawShare(this.#traffic))
    return isolate
  }

  /** Faults of one kind come at random moments. */
  #schedule(kind: FaultKind): void {
    this.world.timeline.after(this.#random.exponential(meanBetweenFaultsMs), () => {
      if (this.#isOver) return
      this.#strike(kind)
      this.#schedule(kind)
    })
  }

  #strike(kind: FaultKind): void {
    const drawn = providerFault(kind, this.#random)
    if (drawn !== null) {
      const target = this.#target()
      const targets = drawn.isWide ? this.#siblings(target) : [target]
      const fromMs = this.world.timeline.nowMs
      const untilMs = fromMs + this.#random.between(5000, 120_000)
      this.#upstream.add({ targets, fromMs, untilMs, fault: drawn.fault })
      this.world.write(
        `${kind} of ${targets.join(', ')} for ${((untilMs - fromMs) / 1000).toFixed(0)} s: ${JSON.stringify(drawn.fault)}`,
      )
      return
    }
    this.world.write(`${kind} strikes`)
    switch (kind) {
      case 'lossy-network':
        this.#network({ lost: this.#random.between(0.1, 0.5), duplicated: 0.3, brokenOff: 0.2 })
        return
      case 'late-network':
        this.#network({
          late: this.#random.between(0.1, 0.5),
          medianDelayMs: this.#random.between(50, 800),
        })
        return
      case 'partition':
        for (const isolate of this.world.isolates)
          if (this.#random.chance(0.4))
            isolate.cutOffUntilMs =
              this.world.timeline.nowMs + this.#random.between(10_000, 150_000)
        return
      case 'eviction':
        this.#object().evict('evicted', this.#random.between(-2000, 2000))
        return
      case 'kill':
        if (this.#random.chance(0.6))
          this.#object().killOn = this.#random.pick(['step', 'change', 'change'])
        else this.#object().evict('killed', this.#random.between(-2000, 2000))
        return
      case 'isolate-death':
        this.world.kill(this.#isolate())
        this.#bear()
        return
      case 'operator':
        this.#operate()
        return
      default:
        return
    }
  }

  #network(weather: Partial<NetworkWeather>): void {
    this.world.network.weather = { ...this.world.network.weather, ...weather }
    this.world.timeline.after(this.#random.between(5000, 60_000), () => {
      this.world.network.weather = fairNetwork
    })
  }

  #operate(): void {
    const target = this.#target()
    const object = this.world.objects.get(providerOf(target))
    const key: DomainKey = this.#random.chance(0.2) ? 'edge' : `target:${target}`
    const state = this.#random.pick(['open', 'closed', 'auto', 'reset'] as const)
    if (state === 'reset') {
      this.world.branches.reached('circuit reset by an operator')
      object?.take({ kind: 'reset', key })
    } else object?.take({ kind: 'force', key, state, forMs: this.#random.between(2000, 60_000) })
  }

  #target(): string {
    const targets = [...new Set(this.#routes.flatMap(targetsOf))] as [string, ...string[]]
    // The first ones carry most of the traffic, and have most to lose.
    return this.#random.chance(0.5) ? targets[0] : this.#random.pick(targets)
  }

  #siblings(target: string): string[] {
    const all = new Set(this.#routes.flatMap(targetsOf))
    return [...all].filter((other) => providerOf(other) === providerOf(target))
  }

  #object() {
    const objects = [...this.world.objects.values()]
    const object = objects[this.#random.below(objects.length)]
    invariant(object !== undefined, 'there are objects', () => objects.length)
    return object
  }

  #heal(): void {
    this.#isOver = true
    this.#upstream.heal()
    this.world.network.weather = fairNetwork
    for (const isolate of this.world.isolates) isolate.cutOffUntilMs = 0
    for (const object of this.world.objects.values()) object.killOn = null
    this.world.write('all faults end')
  }
}

/** Baselines are learned from what leaves the window of half a minute. */
const warmUpMs = 100_000

const meanBetweenFaultsMs = 60_000
