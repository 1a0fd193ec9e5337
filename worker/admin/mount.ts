import type { Context, Hono } from 'hono'
import type { HealthPlace } from '../../durable-objects/provider-health/object-name.ts'
import {
  regionOf,
  type ClientPlace,
  type ObjectNamespace,
} from '../../durable-objects/provider-health/place.ts'
import { providerHealthStub } from '../../durable-objects/provider-health/stub.ts'
import type { GatewayError } from '../canonical/errors.ts'
import { logAdmin } from '../edge/log.ts'
import type { Isolate } from '../edge/isolate.ts'
import type { Runtime } from '../edge/runtime.ts'
import { mountCircuits, type AdminProvider } from './circuits.ts'
import { openApiDocument } from './openapi.ts'

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
  mountCircuits(app, {
    stubOf,
    providersOf: (context) => providersOf(isolateOf(context.env).runtime),
    regionOf: ({ req }) => regionOf((req.raw as { readonly cf?: ClientPlace }).cf),
    callerOf: (context) => ({
      requestId: context.get('requestId'),
      adminKeyId: context.get('adminKeyId'),
    }),
    answer,
    refuse,
    log: logAdmin,
  })
}

function stubOf({ env }: AdminContext, place: HealthPlace) {
  const namespace = env['PROVIDER_HEALTH'] as ObjectNamespace
  return providerHealthStub(namespace, place, { local: env['SWITCHYARD_LOCAL'] === '1' })
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
