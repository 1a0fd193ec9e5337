import * as z from 'zod'

/**
 * What a route does when it cannot answer as it should: the rungs of its ladder, the cache, the validation of answers,
 * and whose work goes first when capacity is short (`docs/degrade.md`).
 */

/** Why a tier is there. `smaller` and `degraded` mark the answers that come from it. */
export const intentSchema = z
  .enum(['same-family', 'cheaper', 'smaller', 'degraded'])
  .describe(
    'Why the tier is there; an answer of a `smaller` or `degraded` one is marked as less than asked.',
  )

const template = z
  .string()
  .min(1)
  .max(4000)
  .describe(
    'The reply. `{requestId}`, `{route}`, `{model}` and `{retryAfterS}` are filled in; `{{` is a brace.',
  )

const rungObject = z.discriminatedUnion('rung', [
  z.strictObject({ rung: z.literal('cache') }),
  z.strictObject({ rung: z.literal('smaller-model') }),
  z.strictObject({
    rung: z.literal('shorter'),
    maxOutputTokens: z
      .number()
      .int()
      .min(1)
      .max(100_000)
      .default(256)
      .describe('The longest answer that is asked for again, tokens.'),
  }),
  z.strictObject({ rung: z.literal('template'), text: template }),
  z.strictObject({ rung: z.literal('deferred') }),
])

const rungRule =
  'must be "cache", "smaller-model", "shorter" or "deferred", or an object such as {"rung": "template", "text": "..."}'

export const rungSchema = z.union(
  [z.enum(['cache', 'smaller-model', 'shorter', 'deferred'], { error: rungRule }), rungObject],
  { error: rungRule },
)

export const degradeSchema = z
  .array(rungSchema)
  .min(1)
  .max(8)
  .describe(
    'What is tried, in this order, when no target answers, the budget does not allow it, or capacity is short.',
  )

export const cacheSchema = z.strictObject({
  mode: z
    .enum(['first', 'fallback'])
    .default('fallback')
    .describe(
      '`first`: before anybody is asked. `fallback`: as the rung `cache` of `degrade` only.',
    ),
  ttlSeconds: z
    .number()
    .int()
    .min(1)
    .max(604_800)
    .default(3600)
    .describe('How old a kept answer may be, seconds.'),
  maxAnswerBytes: z
    .number()
    .int()
    .min(1024)
    .max(1_048_576)
    .default(131_072)
    .describe('A larger answer is not kept, bytes.'),
})

const finishReason = z.enum([
  'stop',
  'length',
  'toolCalls',
  'contentFilter',
  'refusal',
  'pause',
  'contextWindow',
  'other',
])

export const validateSchema = z.strictObject({
  schema: z
    .union([z.literal(true), z.record(z.string(), z.unknown())], {
      error: 'must be true (the schema that the request asks for) or a JSON schema',
    })
    .optional()
    .describe("The answer is JSON of the request's own schema (`true`), or of this one."),
  nonEmpty: z
    .literal(true)
    .optional()
    .describe('The answer has text, a tool call, or media in it.'),
  finish: z
    .array(finishReason)
    .min(1)
    .optional()
    .describe('How an answer may end: `stop`, `toolCalls`, ...'),
  noErrorText: z
    .literal(true)
    .optional()
    .describe('The answer is no apology and no error message in place of one.'),
  buffer: z
    .literal(true)
    .optional()
    .describe(
      'Streams, too, are held until they are whole and valid, so that another target can answer.',
    ),
})

export const prioritySchema = z
  .enum(['critical', 'standard', 'batch'])
  .describe(
    'When capacity is short: `critical` goes as premium tenants do, `batch` waits for all others.',
  )

export const scarcitySchema = z.strictObject({
  premiumReserve: z
    .number()
    .min(0)
    .max(0.9)
    .default(0.2)
    .describe(
      'Share of the calls a target takes at once that only premium tenants and critical routes may use.',
    ),
  batchShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.25)
    .describe('Share of what interactive calls leave free that batch work may use.'),
  batchWaitMs: z
    .number()
    .int()
    .min(0)
    .max(600_000)
    .default(10_000)
    .describe('How long batch work waits for room before it is told to come back, ms.'),
})

export type RungConfig = z.infer<typeof rungSchema>
export type CacheConfig = z.infer<typeof cacheSchema>
export type ValidateConfig = z.infer<typeof validateSchema>
export type PriorityConfig = z.infer<typeof prioritySchema>
export type ScarcityConfig = z.infer<typeof scarcitySchema>
export type TierIntent = z.infer<typeof intentSchema>
