import * as z from 'zod'
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
  .regex(
    /^[a-z0-9][a-z0-9._-]{0,63}$/,
    'a name is made of lower-case letters, digits, ".", "_" and "-", at most 64 of them',
  )

/** `model@provider`; the model part is what clients see and may itself begin with `@` (Workers AI). */
const targetName = z
  .string()
  .regex(/^.+@[a-z0-9][a-z0-9._-]{0,63}$/, 'a target is named "model@provider"')
  .max(256)

const variableName = z
  .string()
  .regex(/^[A-Z][A-Z0-9_]*$/, 'the name of a secret: upper-case letters, digits, "_"')

/** Host name, with `${NAME}` where a deployment fills in its own (an Azure resource). */
const host = z.string().regex(/^[a-z0-9.${}A-Z_-]+(:\d+)?$/, 'a host name without scheme or path')

/**
 * A secret and the one host it may be sent to. The host is written down a
 * second time on purpose: changing a base URL alone never sends a key elsewhere.
 */
export const credentialSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('bearer'), secret: variableName, host }),
  z.strictObject({
    kind: z.literal('header'),
    name: z.string().regex(/^[a-z][a-z0-9-]*$/, 'a lower-case header name'),
    secret: variableName,
    host,
  }),
  z.strictObject({
    kind: z.literal('sigv4'),
    accessKeyId: variableName,
    secretAccessKey: variableName,
    sessionToken: variableName.optional(),
    service: z.string(),
    region: z.string(),
    host,
  }),
  z.strictObject({ kind: z.literal('none') }),
])

export const providerSchema = z.strictObject({
  /** Which adapter writes and reads this provider's wire format. */
  adapter: id,
  baseUrl: z
    .string()
    .optional()
    .describe('https, or http on loopback when the local switch is set. No query, no user info.'),
  binding: z.string().optional().describe('Name of a Workers AI binding to call instead of a URL.'),
  credential: credentialSchema,
  regions: z
    .array(z.string())
    .default([])
    .describe('Where this provider processes data: macro-regions such as `us`, `eu`.'),
  options: z
    .record(z.string(), z.string())
    .default({})
    .describe('Settings of the adapter: `apiVersion` (Azure), ...'),
  ...providerPolicyFields,
})

export const targetSchema = z.strictObject({
  upstreamModel: z
    .string()
    .min(1)
    .optional()
    .describe("The provider's own id, where it differs from the name's model part."),
  catalogModel: z
    .string()
    .min(1)
    .optional()
    .describe("Key into the catalog, where the provider's id is not the one the catalog knows."),
  free: z
    .literal(true)
    .optional()
    .describe('Nobody bills for it (a server of your own): it is priced at 0 instead of unpriced.'),
  maxConcurrent: z
    .number()
    .int()
    .min(1)
    .max(1_000_000)
    .optional()
    .describe('Calls it takes at once, from all isolates together; for `scarcity`.'),
  standby: standbySchema
    .optional()
    .describe(
      'Keep it warm: a one-token request now and then, so that it is known to work before it is needed.',
    ),
  ...targetPolicyFields,
  ...targetRankingFields,
})

const ms = z.number().int().positive()

export const timeoutsSchema = z.strictObject({
  firstTokenTimeoutMs: ms
    .max(600_000)
    .default(30_000)
    .describe('From sending a streamed request to its first meaningful token, ms.'),
  answerTimeoutMs: ms
    .max(900_000)
    .default(60_000)
    .describe('From sending an unstreamed request to the end of its answer, ms.'),
  idleTimeoutMs: ms
    .max(600_000)
    .default(30_000)
    .describe('Longest silence after the first token, ms.'),
  deadlineMs: ms
    .max(3_600_000)
    .default(600_000)
    .describe('For the whole request, all attempts, ms.'),
})

const tierEntry = z.union(
  [
    targetName,
    z.strictObject({
      target: targetName,
      weight: z.number().nonnegative().max(1_000_000).default(1),
    }),
  ],
  { error: 'must be "model@provider", or an object with "target" and "weight"' },
)

const tierTargets = z.array(tierEntry).min(1)

const tier = z.union(
  [
    tierTargets,
    z.strictObject({
      targets: tierTargets,
      intent: intentSchema.optional(),
      objective: objectiveSchema.optional(),
    }),
  ],
  {
    error: 'must be a list of targets, or an object with "targets"',
  },
)

/** An origin as a browser sends it: scheme and host, the port only where it is not the scheme's own. */
const origin = z
  .string()
  .refine(
    isOrigin,
    'must be an origin such as "https://app.example" (lower case, no path, no default port), or "*"',
  )

function isOrigin(text: string): boolean {
  if (text === '*') return true
  // Apps have schemes of their own ("tauri://localhost"), whose origin the URL parser does not know.
  if (!/^https?:/.test(text)) return /^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s]+$/.test(text)
  return URL.canParse(text) && new URL(text).origin === text
}

export const routeSchema = z.strictObject({
  description: z.string().optional(),
  tiers: z.array(tier).min(1).describe('Tried in order; inside a tier by weighted chance.'),
  timeouts: timeoutsSchema.prefault({}),
  heartbeatAfterMs: ms
    .max(100_000)
    .default(15_000)
    .describe('Silence after which a streaming client gets a heartbeat in its dialect, ms.'),
  limits: z
    .strictObject({
      maxAttempts: z
        .number()
        .int()
        .min(1)
        .max(3)
        .default(3)
        .describe('Upstream calls for one request, over all targets.'),
      maxOutputTokens: z
        .number()
        .int()
        .positive()
        .optional()
        .describe('Upper bound laid over what the caller asks for, tokens.'),
    })
    .prefault({}),
  degrade: degradeSchema.optional(),
  cache: cacheSchema.optional().describe('Keeps answers of this route, each for its own tenant.'),
  validate: validateSchema.optional().describe('What an answer must be to count as one.'),
  priority: prioritySchema.optional(),
  ...parallelFields,
  ...runFields,
  ...routePolicyFields,
  ...routeRankingFields,
})

export const tenantSchema = z.strictObject({
  routes: z
    .array(z.string())
    .min(1)
    .default(['*'])
    .describe('Routes this tenant may name; `*` is all of them.'),
  directTargets: z
    .boolean()
    .default(true)
    .describe('May name targets and bare models beside routes.'),
  ...residencyFields,
  ...tenantPolicyFields,
})

export const configSchema = z.strictObject({
  $schema: z.string().optional(),
  limits: limitsSchema.prefault({}),
  cors: z
    .strictObject({
      origins: z
        .array(origin)
        .default([])
        .describe('Origins that browsers may call from; empty turns CORS off.'),
    })
    .prefault({}),
  health: healthSchema.prefault({}),
  ledger: ledgerSchema.prefault({}),
  decisions: decisionsSchema.prefault({}),
  scarcity: scarcitySchema
    .optional()
    .describe('Who goes first when targets are full. Absent: everybody alike.'),
  alerts: alertsSchema
    .optional()
    .describe('A signed webhook for circuits, credentials, quotas and standby targets.'),
  detectors: detectorsSchema.optional(),
  rules: rulesSchema.optional(),
  providers: z.record(id, providerSchema),
  targets: z.record(targetName, targetSchema),
  routes: z.record(id, routeSchema),
  tenants: z
    .record(id, tenantSchema)
    .refine((tenants) => Object.keys(tenants).length > 0, 'must name at least one tenant'),
})

export type Config = z.infer<typeof configSchema>
export type CredentialConfig = z.infer<typeof credentialSchema>
export type ProviderConfig = z.infer<typeof providerSchema>
export type RouteConfig = z.infer<typeof routeSchema>
export type TimeoutsConfig = z.infer<typeof timeoutsSchema>
export type TenantConfig = z.infer<typeof tenantSchema>
export type LimitsConfig = z.infer<typeof limitsSchema>
