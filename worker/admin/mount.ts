import type { Context, Hono } from 'hono'
import type { HealthPlace } from '../../durable-objects/provider-health/object-name.ts'
import {
  jurisdictions,
  regionOf,
  type ClientPlace,
  type ObjectNamespace,
} from '../../durable-objects/provider-health/place.ts'
import { providerHealthStub } from '../../durable-objects/provider-health/stub.ts'
import type { GatewayError } from '../canonical/errors.ts'
import { logAdmin } from '../edge/log.ts'
import type { Isolate } from '../edge/isolate.ts'
import type { Runtime } from '../edge/runtime.ts'
import { findLedger, ledgerIn } from '../edge/ledger-of.ts'
import { presentedKey } from '../doors.ts'
import { isInside } from '../engine/pinned-targets.ts'
import { budgetRoutes } from './budgets.ts'
import { mountCircuits, type AdminProvider } from './circuits.ts'
import { freezeRoutes } from './freezes.ts'
import { keyRoutes } from './keys.ts'
import { lineRoutes } from './lines.ts'
import { reconcileRoutes } from './reconcile.ts'
import { recoveryRoutes } from './recovery.ts'
import { openApiDocument } from './openapi.ts'
import { mountTenantRoutes, type TenantRoute } from './tenant-door.ts'
import { tenantRoutes } from './tenants.ts'
import { isShadowPayer } from '../edge/parallel-problems.ts'

/** What the admin plane needs of the app that it is a part of. */
export interface AdminEnvironment {
  Bindings: Readonly<Record<string, unknown>>
  Variables: { requestId: string; adminKeyId: string }
}

type AdminContext = Context<AdminEnvironment>

export interface AdminDoors {
  isolateOf(variables: Readonly<Record<string, unknown>>): Isolate
  answer(context: AdminContext, body: object): Response
  refuse(context: AdminContext, error: GatewayError): Response
}

/** The admin plane: every call behind an admin key (`app.ts`), JSON in and out, each write logged. */
export function mountAdmin(app: Hono<AdminEnvironment>, doors: AdminDoors): void {
  const { isolateOf, answer, refuse } = doors
  app.get('/admin/v1/openapi.json', (context) =>
    answer(context, openApiDocument(isolateOf(context.env).runtime.version)),
  )
  const shared = { callerOf, answer, refuse, log: logAdmin }
  mountCircuits(app, {
    ...shared,
    stubOf,
    providersOf: (context) => providersOf(isolateOf(context.env).runtime),
    jurisdictionsOf: (context) => jurisdictionsOf(isolateOf(context.env).runtime),
    regionOf: ({ req }) => regionOf((req.raw as { readonly cf?: ClientPlace }).cf),
  })
  const deps = {
    ...shared,
    ledgerOf: ({ req, env }: AdminContext, tenantId: string) =>
      findLedger(req.raw, env, isolateOf(env).residencies, tenantId),
    outsideOf: ({ req, env }: AdminContext, tenantId: string) =>
      ledgerIn(req.raw, env, tenantId, null),
    residenciesOf: ({ env }: AdminContext) => isolateOf(env).residencies,
    isConfigured: ({ env }: AdminContext, tenantId: string) => {
      const { spaces, config } = isolateOf(env).runtime
      return spaces.has(tenantId) || isShadowPayer(config, tenantId)
    },
    secretsOf: ({ env }: AdminContext) => isolateOf(env),
    warningOf: ({ env }: AdminContext) =>
      isolateOf(env).runtime.config.ledger.mode === 'off' ? ledgerOff : null,
    adminKeyOf: ({ req }: AdminContext) => presentedKey(req.raw.headers) ?? '',
  }
  mountTenantRoutes(app, deps, allTenantRoutes)
}

const ledgerOff = 'the configuration has turned the ledger off: none of this is enforced'

/** Every call about a tenant, in the order of `docs/admin.md`. */
export const allTenantRoutes: readonly TenantRoute[] = [
  ...tenantRoutes,
  ...budgetRoutes,
  ...keyRoutes,
  ...lineRoutes,
  ...freezeRoutes,
  ...reconcileRoutes,
  ...recoveryRoutes,
]

function callerOf(context: AdminContext) {
  return { requestId: context.get('requestId'), adminKeyId: context.get('adminKeyId') }
}

function stubOf({ env }: AdminContext, place: HealthPlace) {
  const namespace = env['PROVIDER_HEALTH'] as ObjectNamespace
  return providerHealthStub(namespace, place, { local: env['SWITCHYARD_LOCAL'] === '1' })
}

function jurisdictionsOf({ targets }: Runtime) {
  const regions = [...targets.values()].map(({ standing }) => standing.regions ?? [])
  return jurisdictions.filter((one) => regions.some((declared) => isInside(declared, one)))
}

function providersOf({ targets }: Runtime): readonly AdminProvider[] {
  const byId = new Map<string, { callable: boolean; targets: string[] }>()
  for (const [name, { provider }] of targets) {
    const known = byId.get(provider.id) ?? { callable: provider.missing.length === 0, targets: [] }
    known.targets.push(name)
    byId.set(provider.id, known)
  }
  return [...byId].map(([id, known]) => ({ id, ...known }))
}
