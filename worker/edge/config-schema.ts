import { z } from 'zod'

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
  .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'lower-case letters, digits, ".", "_" and "-", at most 64')

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
  /** https, or http on loopback when the local switch is set. No query, no user info. */
  baseUrl: z.string().optional(),
  /** Name of a Workers AI binding to call instead of a URL. */
  binding: z.string().optional(),
  credential: credentialSchema,
  /** Where this provider processes data: macro-regions such as `us`, `eu`. */
  regions: z.array(z.string()).default([]),
  /** Settings of the adapter: `apiVersion` (Azure), ... */
  options: z.record(z.string(), z.string()).default({}),
})

export const targetSchema = z.strictObject({
  /** The provider's own id, where it differs from the name's model part. */
  upstreamModel: z.string().min(1).optional(),
  /** Key into the catalog, where the provider's id is not the one the catalog knows. */
  catalogModel: z.string().min(1).optional(),
})

const ms = z.number().int().positive()

export const timeoutsSchema = z.strictObject({
  /** From sending a streamed request to its first meaningful token, ms. */
  firstTokenTimeoutMs: ms.max(600_000).default(30_000),
  /** From sending an unstreamed request to the end of its answer, ms. */
  answerTimeoutMs: ms.max(900_000).default(60_000),
  /** Longest silence after the first token, ms. */
  idleTimeoutMs: ms.max(600_000).default(30_000),
  /** For the whole request, all attempts, ms. */
  deadlineMs: ms.max(3_600_000).default(600_000),
})

const tierEntry = z.union([
  targetName,
  z.strictObject({
    target: targetName,
    weight: z.number().nonnegative().max(1_000_000).default(1),
  }),
])

export const routeSchema = z.strictObject({
  description: z.string().optional(),
  /** Tried in order; inside a tier by weighted chance. */
  tiers: z.array(z.array(tierEntry).min(1)).min(1),
  timeouts: timeoutsSchema.prefault({}),
  /** Silence after which a streaming client gets a heartbeat in its dialect, ms. */
  heartbeatAfterMs: ms.max(100_000).default(15_000),
  limits: z
    .strictObject({
      /** Upstream calls for one request, over all targets. */
      maxAttempts: z.number().int().min(1).max(3).default(3),
      /** Upper bound laid over what the caller asks for, tokens. */
      maxOutputTokens: z.number().int().positive().optional(),
    })
    .prefault({}),
})

export const tenantSchema = z.strictObject({
  /** Routes this tenant may name; `*` is all of them. */
  routes: z.array(z.string()).min(1).default(['*']),
  /** May name targets and bare models beside routes. */
  directTargets: z.boolean().default(true),
})

export const limitsSchema = z.strictObject({
  /** Inbound body, bytes. */
  maxBodyBytes: z.number().int().min(1024).max(104_857_600).default(20_971_520),
  /** Nesting of an inbound body. */
  maxBodyDepth: z.number().int().min(4).max(512).default(64),
  /** Keys of all objects of an inbound body together. */
  maxBodyKeys: z.number().int().min(16).max(1_000_000).default(50_000),
  /** A whole, unstreamed upstream answer, bytes. */
  maxAnswerBytes: z.number().int().min(1024).max(104_857_600).default(33_554_432),
})

export const configSchema = z.strictObject({
  $schema: z.string().optional(),
  limits: limitsSchema.prefault({}),
  cors: z
    .strictObject({
      /** Origins that browsers may call from; empty turns CORS off. */
      origins: z.array(z.string()).default([]),
    })
    .prefault({}),
  providers: z.record(id, providerSchema),
  targets: z.record(targetName, targetSchema),
  routes: z.record(id, routeSchema),
  tenants: z.record(id, tenantSchema),
})

export type Config = z.infer<typeof configSchema>
export type CredentialConfig = z.infer<typeof credentialSchema>
export type ProviderConfig = z.infer<typeof providerSchema>
export type RouteConfig = z.infer<typeof routeSchema>
export type TimeoutsConfig = z.infer<typeof timeoutsSchema>
export type TenantConfig = z.infer<typeof tenantSchema>
export type LimitsConfig = z.infer<typeof limitsSchema>
