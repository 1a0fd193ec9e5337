import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../scripts/local-gateway.ts'

export interface TestRoutes {
  providers: Record<string, object>
  targets: Record<string, object>
  routes: Record<string, object>
  tenants: Record<string, object>
  limits?: object
  health?: object
  ledger?: object
}

/** Limits that keep a test short; every fault has to show itself within them, ms. */
export const shortTimeouts = {
  firstTokenTimeoutMs: 1000,
  answerTimeoutMs: 1000,
  idleTimeoutMs: 1000,
  deadlineMs: 10_000,
}

/** Limits that a busy machine does not reach, ms. */
export const patientTimeouts = {
  firstTokenTimeoutMs: 15_000,
  answerTimeoutMs: 15_000,
  idleTimeoutMs: 15_000,
  deadlineMs: 30_000,
}

/**
 * A routes.json without providers, targets and routes, to be filled by a test. Circuits are watched and keep
 * nobody away, so that one test's faults do not decide another's first choice; nothing is budgeted.
 */
export function emptyRoutes(): TestRoutes {
  const health = { mode: 'observe' }
  const ledger = { mode: 'off' }
  return { health, ledger, providers: {}, targets: {}, routes: {}, tenants: { demo: {} } }
}

/** A provider of the repository's own routes.json: without its secrets the simulator plays it. */
export function shippedProvider(id: string): object {
  const shipped = JSON.parse(readFileSync(join(root, 'routes.json'), 'utf8')) as TestRoutes
  const provider = shipped.providers[id]
  if (provider === undefined) throw new Error(`routes.json has no provider "${id}"`)
  return provider
}

/** The variable that holds the secret of a scripted provider. */
export function secretOf(id: string): string {
  return `${id.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}_SECRET`
}

const secretHeaders: Readonly<Record<string, string>> = {
  anthropic: 'x-api-key',
  gemini: 'x-goog-api-key',
  'azure-openai': 'api-key',
}

/** A provider that stands on this machine, at `http://{host}/{id}`. */
export function scriptedProvider(id: string, adapter: string, host: string): object {
  const header = secretHeaders[adapter]
  const secret = secretOf(id)
  return {
    adapter,
    baseUrl: `http://${host}/${id}`,
    credential:
      header === undefined
        ? { kind: 'bearer', secret, host }
        : { kind: 'header', name: header, secret, host },
  }
}
