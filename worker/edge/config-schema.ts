import * as z from 'zod/mini'
import { described, toolText } from '../../durable-objects/described.ts'
import {
  alertsSchema,
  standbySchema,
} from '../../durable-objects/provider-health/standby-schema.ts'
import {
  cacheSchema,
  degradeSchema,
  intentSchema,
  prioritySchema,
  scarcitySchema,
  validateSchema,
} from './ladder-schema.ts'
import { decisionsSchema, healthSchema, ledgerSchema, limitsSchema } from './gateway-schema.ts'
import { parallelFields } from './parallel-schema.ts'
import {
  detectorsSchema,
  providerPolicyFields,
  routePolicyFields,
  targetPolicyFields,
  tenantPolicyFields,
} from './policy-schema.ts'
import { residencyFields } from './residency.ts'
import { rulesSchema } from './rules-schema.ts'
import { runFields } from './run/schema.ts'
import { objectiveSchema, routeRankingFields, targetRankingFields } from './ranking-schema.ts'

/**
 * The shape of `routes.json`: providers, targets, routes, tenants.
 *
 * The schema is the border. Everything behind it trusts the types inferred
 * from it; `routes.schema.json` is generated from it for editors
 * (`npm run schema`). `config.ts` checks what a schema cannot say (a route
 * that names a target nobody declared).
 */

const id = z
  .string()
  .check(
    z.regex(
      /^[a-z0-9][a-z0-9._-]{0,63}$/,
      'a name is made of lower-case letters, digits, ".", "_" and "-", at most 64 of them',
    ),
  )

/** `model@provider`; the model part is what clients see and may itself begin with `@` (Workers AI). */
const targetName = z
  .string()
  .check(
    z.regex(/^.+@[a-z0-9][a-z0-9._-]{0,63}$/, 'a target is named "model@provider"'),
    z.maxLength(256),
  )

const variableName = z
  .string()
  .check(z.regex(/^[A-Z][A-Z0-9_]*$/, 'the name of a secret: upper-case letters, digits, "_"'))

/** Host name, with `${NAME}` where a deployment fills in its own (an Azure resource). */
const host = z
  .string()
  .check(z.regex(/^[a-z0-9.${}A-Z_-]+(:\d+)?$/, 'a host name without scheme or path'))

/**
 * A secret and the one host it may be sent to. The host is written down a
 * second time on purpose: changing a base URL alone never sends a key elsewhere.
 */
export const credentialSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('bearer'), secret: variableName, host }),
  z.strictObject({
    kind: z.literal('header'),
    name: z.string().check(z.regex(/^[a-z][a-z0-9-]*$/, 'a lower-case header name')),
    secret: variableName,
    host,
  }),
  z.strictObject({
    kind: z.literal('sigv4'),
    accessKeyId: variableName,
    secretAccessKey: variableName,
    sessionToken: z.optional(variableName),
    service: z.string(),
    region: z.string(),
    host,
  }),
  z.strictObject({ kind: z.literal('none') }),
])

export const providerSchema = z.strictObject({
  /** Which adapter writes and reads this provider's wire format. */
  adapter: id,
  baseUrl: described(
    z.optional(z.string()),
    toolText('https, or http on loopback when the local switch is set. No query, no user info.'),
  ),
  binding: described(
    z.optional(z.string()),
    toolText('Name of a Workers AI binding to call instead of a URL.'),
  ),
  credential: credentialSchema,
  regions: described(
    z._default(z.array(z.string()), []),
    toolText('Where this provider processes data: macro-regions such as `us`, `eu`.'),
  ),
  options: described(
    z._default(z.record(z.string(), z.string()), {}),
    toolText('Settings of the adapter: `apiVersion` (Azure), ...'),
  ),
  ...providerPolicyFields,
})

export const targetSchema = z.strictObject({
  upstreamModel: described(
    z.optional(z.string().check(z.minLength(1))),
    toolText("The provider's own id, where it differs from the name's model part."),
  ),
  catalogModel: described(
    z.optional(z.string().check(z.minLength(1))),
    toolText("Key into the catalog, where the provider's id is not the one the catalog knows."),
  ),
  free: described(
    z.optional(z.literal(true)),
    toolText('Nobody bills for it (a server of your own): it is priced at 0 instead of unpriced.'),
  ),
  maxConcurrent: described(
    z.optional(z.int().check(z.minimum(1), z.maximum(1_000_000))),
    toolText('Calls it takes at once, from all isolates together; for `scarcity`.'),
  ),
  standby: described(
    z.optional(standbySchema),
    toolText(
      'Keep it warm: a one-token request now and then, so that it is known to work before it is needed.',
    ),
  ),
  ...targetPolicyFields,
  ...targetRankingFields,
})

const ms = z.int().check(z.positive())

export const timeoutsSchema = z.strictObject({
  firstTokenTimeoutMs: described(
    z._default(ms.check(z.maximum(600_000)), 30_000),
    toolText('From sending a streamed request to its first meaningful token, ms.'),
  ),
  answerTimeoutMs: described(
    z._default(ms.check(z.maximum(900_000)), 60_000),
    toolText('From sending an unstreamed request to the end of its answer, ms.'),
  ),
  idleTimeoutMs: described(
    z._default(ms.check(z.maximum(600_000)), 30_000),
    toolText('Longest silence after the first token, ms.'),
  ),
  deadlineMs: described(
    z._default(ms.check(z.maximum(3_600_000)), 600_000),
    toolText('For the whole request, all attempts, ms.'),
  ),
})

const tierEntry = z.union(
  [
    targetName,
    z.strictObject({
      target: targetName,
      weight: z._default(z.number().check(z.nonnegative(), z.maximum(1_000_000)), 1),
    }),
  ],
  { error: 'must be "model@provider", or an object with "target" and "weight"' },
)

const tierTargets = z.array(tierEntry).check(z.minLength(1))

const tier = z.union(
  [
    tierTargets,
    z
      .strictObject({
        targets: z.optional(tierTargets),
        intent: z.optional(intentSchema),
        objective: z.optional(objectiveSchema),
      })
      .check(
        z.refine(
          ({ targets, intent }) => targets !== undefined || intent !== undefined,
          'needs "targets", or an "intent" that they are chosen by',
        ),
      ),
  ],
  {
    error: 'must be a list of targets, or an object with "targets" or an "intent"',
  },
)

/** An origin as a browser sends it: scheme and host, the port only where it is not the scheme's own. */
const origin = z
  .string()
  .check(
    z.refine(
      isOrigin,
      'must be an origin such as "https://app.example" (lower case, no path, no default port), or "*"',
    ),
  )

function isOrigin(text: string): boolean {
  if (text === '*') return true
  // Apps have schemes of their own ("tauri://localhost"), whose origin the URL parser does not know.
  if (!/^https?:/.test(text)) return /^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s]+$/.test(text)
  return URL.canParse(text) && new URL(text).origin === text
}

export const routeSchema = z.strictObject({
  description: z.optional(z.string()),
  tiers: described(
    z.array(tier).check(z.minLength(1)),
    toolText('Tried in order; inside a tier by weighted chance.'),
  ),
  timeouts: z.prefault(timeoutsSchema, {}),
  heartbeatAfterMs: described(
    z._default(ms.check(z.maximum(100_000)), 15_000),
    toolText('Silence after which a streaming client gets a heartbeat in its dialect, ms.'),
  ),
  limits: z.prefault(
    z.strictObject({
      maxAttempts: described(
        z._default(z.int().check(z.minimum(1), z.maximum(3)), 3),
        toolText('Upstream calls for one request, over all targets.'),
      ),
      maxOutputTokens: described(
        z.optional(z.int().check(z.positive())),
        toolText('Upper bound laid over what the caller asks for, tokens.'),
      ),
    }),
    {},
  ),
  degrade: z.optional(degradeSchema),
  cache: described(
    z.optional(cacheSchema),
    toolText('Keeps answers of this route, each for its own tenant.'),
  ),
  validate: described(
    z.optional(validateSchema),
    toolText('What an answer must be to count as one.'),
  ),
  priority: z.optional(prioritySchema),
  ...parallelFields,
  ...runFields,
  ...routePolicyFields,
  ...routeRankingFields,
})

export const tenantSchema = z.strictObject({
  routes: described(
    z._default(z.array(z.string()).check(z.minLength(1)), ['*']),
    toolText('Routes this tenant may name; `*` is all of them.'),
  ),
  directTargets: described(
    z._default(z.boolean(), true),
    toolText('May name targets and bare models beside routes.'),
  ),
  ...residencyFields,
  ...tenantPolicyFields,
})

export const configSchema = z.strictObject({
  $schema: z.optional(z.string()),
  limits: z.prefault(limitsSchema, {}),
  cors: z.prefault(
    z.strictObject({
      origins: described(
        z._default(z.array(origin), []),
        toolText('Origins that browsers may call from; empty turns CORS off.'),
      ),
    }),
    {},
  ),
  health: z.prefault(healthSchema, {}),
  ledger: z.prefault(ledgerSchema, {}),
  decisions: z.prefault(decisionsSchema, {}),
  scarcity: described(
    z.optional(scarcitySchema),
    toolText('Who goes first when targets are full. Absent: everybody alike.'),
  ),
  alerts: described(
    z.optional(alertsSchema),
    toolText('A signed webhook for circuits, credentials, quotas and standby targets.'),
  ),
  detectors: z.optional(detectorsSchema),
  rules: z.optional(rulesSchema),
  providers: z.record(id, providerSchema),
  targets: z.record(targetName, targetSchema),
  routes: z.record(id, routeSchema),
  tenants: z
    .record(id, tenantSchema)
    .check(z.refine((tenants) => Object.keys(tenants).length > 0, 'must name at least one tenant')),
})

export type Config = z.infer<typeof configSchema>
export type CredentialConfig = z.infer<typeof credentialSchema>
export type ProviderConfig = z.infer<typeof providerSchema>
export type RouteConfig = z.infer<typeof routeSchema>
export type TimeoutsConfig = z.infer<typeof timeoutsSchema>
export type TenantConfig = z.infer<typeof tenantSchema>
export type LimitsConfig = z.infer<typeof limitsSchema>
