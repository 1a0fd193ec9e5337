import { readConfig } from '../../../worker/edge/config.ts'
import { createRuntime, type Runtime } from '../../../worker/edge/runtime.ts'

export interface FleetTarget {
  /** `model@provider`. */
  readonly name: string
  readonly weight: number
}

export interface FleetRoute {
  readonly name: string
  readonly tiers: readonly (readonly FleetTarget[])[]
}

/** Providers, targets and routes through the real configuration, so that candidates and credentials are real ones. */
export function fleetRuntime(routes: readonly FleetRoute[], observeOnly = false): Runtime {
  const targets = [...new Set(routes.flatMap(targetsOf))]
  const read = readConfig(
    {
      health: { mode: observeOnly ? 'observe' : 'enforce' },
      providers: Object.fromEntries(
        providersOf(routes).map((id) => [id, providerConfig(`${id}.example`)]),
      ),
      targets: Object.fromEntries(targets.map((target) => [target, {}])),
      routes: Object.fromEntries(
        routes.map(({ name, tiers }) => [
          name,
          {
            tiers: tiers.map((tier) =>
              tier.map(({ name: target, weight }) => ({ target, weight })),
            ),
          },
        ]),
      ),
      tenants: { simulated: {} },
    },
    { local: false },
  )
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  return createRuntime(read.config, read.version, { UPSTREAM_KEY: 'a key for nobody' })
}

export function providersOf(routes: readonly FleetRoute[]): string[] {
  return [...new Set(routes.flatMap(targetsOf).map(providerOf))]
}

export function providerOf(target: string): string {
  return target.slice(target.lastIndexOf('@') + 1)
}

export function targetsOf({ tiers }: FleetRoute): string[] {
  return tiers.flatMap((tier) => tier.map(({ name }) => name))
}

function providerConfig(host: string) {
  return {
    adapter: 'openai',
    baseUrl: `https://${host}/v1`,
    credential: { kind: 'bearer', secret: 'UPSTREAM_KEY', host },
    regions: ['us'],
  }
}
