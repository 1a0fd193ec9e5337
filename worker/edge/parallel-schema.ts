import * as z from 'zod'

/**
 * Options of a route by which one request makes more than one call: a hedge, several answers to pick from, a shadow, and
 * an answer that goes on elsewhere. All are off where they do not stand. `docs/hedging.md` has an example of each.
 */

const ms = z.number().int().positive()

export const hedgeSchema = z.strictObject({
  leastDelayMs: ms
    .min(100)
    .max(60_000)
    .default(500)
    .describe(
      'A second target is asked when the first has been silent for its usual time (p95 to first token at this size of prompt), but not before this, ms.',
    ),
  unmeasuredDelayMs: ms
    .min(100)
    .max(60_000)
    .default(2000)
    .describe('The same while nobody has measured the first target, ms.'),
  mostPrefillUsd: z
    .number()
    .nonnegative()
    .max(100)
    .default(0.01)
    .describe(
      'What the prompt may cost at the second target, USD. Either of the two caps is enough.',
    ),
  mostPrefillShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.2)
    .describe('The same as a share of what the whole answer is expected to cost there.'),
  acrossTiers: z
    .boolean()
    .default(true)
    .describe('The second target may be of a later tier; otherwise it is of the same one.'),
})

export const picks = ['schema', 'first-valid', 'longest', 'vote'] as const

export const bestOfSchema = z.strictObject({
  n: z
    .number()
    .int()
    .min(2)
    .max(5)
    .describe('Calls for one request, at once. Each is held at its worst case and paid for.'),
  pick: z
    .enum(picks)
    .describe(
      '`schema`: the first in order of the plan that is valid; `first-valid`: the valid one that comes first; `longest`: the valid one with most text; `vote`: what most of the valid ones say.',
    ),
  patienceMs: ms
    .max(120_000)
    .default(10_000)
    .describe('After the first valid answer the others are waited for no longer than this, ms.'),
})

export const shadowSchema = z.strictObject({
  target: z.string().min(1).describe('What is asked beside the route: "model@provider".'),
  share: z.number().gt(0).max(1).describe('Of the requests that are answered in full, 0 to 1.'),
  budgetUsdPerDay: z
    .number()
    .min(0.000001)
    .max(1_000_000)
    .describe('A hard budget of its own (UTC day), USD: no tenant pays for a shadow.'),
  timeoutMs: ms
    .max(25_000)
    .default(20_000)
    .describe('A shadow is given up after this long, ms: the platform keeps no work for longer.'),
})

export const resumeSchema = z.strictObject({
  userTurn: z
    .boolean()
    .default(false)
    .describe(
      'An interrupted answer may go on at a target that cannot be handed its beginning, and is told in a turn of the user to go on. Not exact: it may repeat or restyle.',
    ),
})

/** The fields of a route. */
export const parallelFields = {
  hedge: hedgeSchema
    .optional()
    .describe('The route is interactive: a second target is asked when the first is late.'),
  bestOf: bestOfSchema
    .optional()
    .describe('Several answers are made and one is picked; the answer comes whole.'),
  shadow: shadowSchema
    .optional()
    .describe('Another target answers a sample of the requests too, unseen, to be compared.'),
  resume: resumeSchema
    .optional()
    .describe(
      'How an answer may go on elsewhere for callers that send `x-switchyard-resume: continue`.',
    ),
}

export type HedgeConfig = z.infer<typeof hedgeSchema>
export type BestOfConfig = z.infer<typeof bestOfSchema>
export type ShadowConfig = z.infer<typeof shadowSchema>
export type ResumeConfig = z.infer<typeof resumeSchema>
