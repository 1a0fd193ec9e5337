import * as z from 'zod/mini'
import { described, toolText } from '../../durable-objects/described.ts'

/**
 * What a route does when it cannot answer as it should: the rungs of its ladder, the cache, the validation of answers,
 * and whose work goes first when capacity is short (`docs/degrade.md`).
 */

/** Why a tier is there. `smaller` and `degraded` mark the answers that come from it. */
export const intentSchema = described(
  z.enum(['same-family', 'cheaper', 'smaller', 'degraded']),
  toolText(
    'Why the tier is there; an answer of a `smaller` or `degraded` one is marked as less than asked.',
  ),
)

const template = described(
  z.string().check(z.minLength(1), z.maxLength(4000)),
  toolText(
    'The reply. `{requestId}`, `{route}`, `{model}` and `{retryAfterS}` are filled in; `{{` is a brace.',
  ),
)

const rungObject = z.discriminatedUnion('rung', [
  z.strictObject({ rung: z.literal('cache') }),
  z.strictObject({ rung: z.literal('smaller-model') }),
  z.strictObject({
    rung: z.literal('shorter'),
    maxOutputTokens: described(
      z._default(z.int().check(z.minimum(1), z.maximum(100_000)), 256),
      toolText('The longest answer that is asked for again, tokens.'),
    ),
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

export const degradeSchema = described(
  z.array(rungSchema).check(z.minLength(1), z.maxLength(8)),
  toolText(
    'What is tried, in this order, when no target answers, the budget does not allow it, or capacity is short.',
  ),
)

export const cacheSchema = z.strictObject({
  mode: described(
    z._default(z.enum(['first', 'fallback']), 'fallback'),
    toolText(
      '`first`: before anybody is asked. `fallback`: as the rung `cache` of `degrade` only.',
    ),
  ),
  ttlSeconds: described(
    z._default(z.int().check(z.minimum(1), z.maximum(604_800)), 3600),
    toolText('How old a kept answer may be, seconds.'),
  ),
  maxAnswerBytes: described(
    z._default(z.int().check(z.minimum(1024), z.maximum(1_048_576)), 131_072),
    toolText('A larger answer is not kept, bytes.'),
  ),
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
  schema: described(
    z.optional(
      z.union([z.literal(true), z.record(z.string(), z.unknown())], {
        error: 'must be true (the schema that the request asks for) or a JSON schema',
      }),
    ),
    toolText("The answer is JSON of the request's own schema (`true`), or of this one."),
  ),
  nonEmpty: described(
    z.optional(z.literal(true)),
    toolText('The answer has text, a tool call, or media in it.'),
  ),
  finish: described(
    z.optional(z.array(finishReason).check(z.minLength(1))),
    toolText('How an answer may end: `stop`, `toolCalls`, ...'),
  ),
  noErrorText: described(
    z.optional(z.literal(true)),
    toolText('The answer is no apology and no error message in place of one.'),
  ),
  buffer: described(
    z.optional(z.literal(true)),
    toolText(
      'Streams, too, are held until they are whole and valid, so that another target can answer.',
    ),
  ),
})

export const prioritySchema = described(
  z.enum(['critical', 'standard', 'batch']),
  toolText(
    'When capacity is short: `critical` goes as premium tenants do, `batch` waits for all others.',
  ),
)

export const scarcitySchema = z.strictObject({
  premiumReserve: described(
    z._default(z.number().check(z.minimum(0), z.maximum(0.9)), 0.2),
    toolText(
      'Share of the calls a target takes at once that only premium tenants and critical routes may use.',
    ),
  ),
  batchShare: described(
    z._default(z.number().check(z.minimum(0), z.maximum(1)), 0.25),
    toolText('Share of what interactive calls leave free that batch work may use.'),
  ),
  batchWaitMs: described(
    z._default(z.int().check(z.minimum(0), z.maximum(600_000)), 10_000),
    toolText('How long batch work waits for room before it is told to come back, ms.'),
  ),
})

export type RungConfig = z.infer<typeof rungSchema>
export type CacheConfig = z.infer<typeof cacheSchema>
export type ValidateConfig = z.infer<typeof validateSchema>
export type PriorityConfig = z.infer<typeof prioritySchema>
export type ScarcityConfig = z.infer<typeof scarcitySchema>
export type TierIntent = z.infer<typeof intentSchema>
