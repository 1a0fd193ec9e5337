import * as z from 'zod/mini'
import { described, toolText } from '../../durable-objects/described.ts'

/**
 * Options of a route by which one request makes more than one call: a hedge, several answers to pick from, a shadow, and
 * an answer that goes on elsewhere. All are off where they do not stand. `docs/hedging.md` has an example of each.
 */

const ms = z.int().check(z.positive())

export const hedgeSchema = z.strictObject({
  leastDelayMs: described(
    z._default(ms.check(z.minimum(100), z.maximum(60_000)), 500),
    toolText(
      'A second target is asked when the first has been silent for its usual time (p95 to first token at this size of prompt), but not before this, ms.',
    ),
  ),
  unmeasuredDelayMs: described(
    z._default(ms.check(z.minimum(100), z.maximum(60_000)), 2000),
    toolText('The same while nobody has measured the first target, ms.'),
  ),
  mostPrefillUsd: described(
    z._default(z.number().check(z.nonnegative(), z.maximum(100)), 0.01),
    toolText(
      'What the prompt may cost at the second target, USD. Either of the two caps is enough.',
    ),
  ),
  mostPrefillShare: described(
    z._default(z.number().check(z.minimum(0), z.maximum(1)), 0.2),
    toolText('The same as a share of what the whole answer is expected to cost there.'),
  ),
  acrossTiers: described(
    z._default(z.boolean(), true),
    toolText('The second target may be of a later tier; otherwise it is of the same one.'),
  ),
})

export const picks = ['schema', 'first-valid', 'longest', 'vote'] as const

export const bestOfSchema = z.strictObject({
  n: described(
    z.int().check(z.minimum(2), z.maximum(5)),
    toolText('Calls for one request, at once. Each is held at its worst case and paid for.'),
  ),
  pick: described(
    z.enum(picks),
    toolText(
      '`schema`: the first in order of the plan that is valid; `first-valid`: the valid one that comes first; `longest`: the valid one with most text; `vote`: what most of the valid ones say.',
    ),
  ),
  patienceMs: described(
    z._default(ms.check(z.maximum(120_000)), 10_000),
    toolText('After the first valid answer the others are waited for no longer than this, ms.'),
  ),
})

export const shadowSchema = z.strictObject({
  target: described(
    z.string().check(z.minLength(1)),
    toolText('What is asked beside the route: "model@provider".'),
  ),
  share: described(
    z.number().check(z.gt(0), z.maximum(1)),
    toolText('Of the requests that are answered in full, 0 to 1.'),
  ),
  budgetUsdPerDay: described(
    z.number().check(z.minimum(0.000001), z.maximum(1_000_000)),
    toolText('A hard budget of its own (UTC day), USD: no tenant pays for a shadow.'),
  ),
  timeoutMs: described(
    z._default(ms.check(z.maximum(25_000)), 20_000),
    toolText('A shadow is given up after this long, ms: the platform keeps no work for longer.'),
  ),
})

export const resumeSchema = z.strictObject({
  userTurn: described(
    z._default(z.boolean(), false),
    toolText(
      'An interrupted answer may go on at a target that cannot be handed its beginning, and is told in a turn of the user to go on. Not exact: it may repeat or restyle.',
    ),
  ),
})

/** The fields of a route. */
export const parallelFields = {
  hedge: described(
    z.optional(hedgeSchema),
    toolText('The route is interactive: a second target is asked when the first is late.'),
  ),
  bestOf: described(
    z.optional(bestOfSchema),
    toolText('Several answers are made and one is picked; the answer comes whole.'),
  ),
  shadow: described(
    z.optional(shadowSchema),
    toolText('Another target answers a sample of the requests too, unseen, to be compared.'),
  ),
  resume: described(
    z.optional(resumeSchema),
    toolText(
      'How an answer may go on elsewhere for callers that send `x-switchyard-resume: continue`.',
    ),
  ),
}

export type HedgeConfig = z.infer<typeof hedgeSchema>
export type BestOfConfig = z.infer<typeof bestOfSchema>
export type ShadowConfig = z.infer<typeof shadowSchema>
export type ResumeConfig = z.infer<typeof resumeSchema>
