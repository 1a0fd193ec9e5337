import { CircuitAsker } from './circuit-asker.ts'
import { startRawGateway } from './start-raw-gateway.ts'
import { startSimulator, type RunningSimulator } from './start-simulator.ts'
import { emptyRoutes, patientTimeouts, scriptedProvider, secretOf } from './test-routes.ts'

/** A provider to be hurt, where it differs from a plain one. */
export interface FaultyProvider {
  /** Targets beside `m@{provider}`, each with a route of its own name. */
  readonly more?: readonly string[]
  readonly idleTimeoutMs?: number
  /** Where it stands instead of the simulator: `host:port`. */
  readonly host?: string
}

export interface FaultyProviders {
  readonly asker: CircuitAsker
  readonly simulator: RunningSimulator
  /** Lets a fault stand until the answered function is called. */
  hurt(provider: string, fault: object, more?: object): Promise<() => Promise<void>>
  close(): Promise<void>
}

/**
 * Simulated providers behind the whole gateway on workerd, with circuits that are enforced: for each a route of
 * its name, with `backup`, that nothing ever happens to, as its second tier.
 */
export async function startFaultyProviders(
  faulty: Readonly<Record<string, FaultyProvider>>,
): Promise<FaultyProviders> {
  const simulator = await startSimulator({ seed: 20261126 })
  const { host } = new URL(simulator.url)
  const routes = { ...emptyRoutes(), health: { mode: 'enforce' } }
  const secrets: Record<string, string> = {}
  const all: Readonly<Record<string, FaultyProvider>> = { ...faulty, backup: {} }
  for (const [id, { more = [], idleTimeoutMs = 15_000, host: own = host }] of Object.entries(all)) {
    // As OpenAI, and with a credential to lose.
    const provider = scriptedProvider(id, 'openai', own)
    routes.providers[id] = { ...provider, baseUrl: `http://${own}/${id}~openai` }
    secrets[secretOf(id)] = `${id}-provider-key`
    const named = [[id, `m@${id}`], ...more.map((name) => [name, `${name}@${id}`])] as const
    for (const [route = '', target = ''] of named) {
      routes.targets[target] = {}
      const timeouts = { ...patientTimeouts, idleTimeoutMs }
      routes.routes[route] = { tiers: [[target], ['m@backup']], timeouts }
    }
  }
  const gateway = await startRawGateway(routes, secrets)
  return {
    asker: new CircuitAsker(gateway),
    simulator,
    async hurt(provider, fault, more = {}) {
      const id = await simulator.fault({ provider, fault, ...more })
      return async () => {
        await fetch(`${simulator.url}/__control/faults/${id}`, { method: 'DELETE' })
      }
    },
    async close() {
      await gateway.close()
      await simulator.close()
    },
  }
}
