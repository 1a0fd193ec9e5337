import * as z from 'zod'

/** How a route orders its targets (`docs/routing-objectives.md`): objectives, affinity, canary, reserved capacity, floors. */

const share = z.number().min(0).max(1)
const weight = z.number().nonnegative().max(1000)

const balancedSchema = z
  .strictObject({
    cost: weight.default(0).describe('Expected cost of a successful answer.'),
    firstToken: weight.default(0).describe('Expected time to the first token.'),
    throughput: weight.default(0).describe('Tokens of output per second.'),
    quality: weight.default(0).describe('Declared `qualityTier`.'),
    failures: weight.default(0).describe('Share of calls that fail.'),
  })
  .refine(
    (weights) => Object.values(weights).some((value) => value > 0),
    'must give some measure a weight above 0',
  )

export const objectiveSchema = z
  .union(
    [
      z.enum(['weighted', 'priority', 'cheapest', 'fastest', 'balanced']),
      z.strictObject({ balanced: balancedSchema }),
    ],
    {
      error:
        'must be "weighted", "priority", "cheapest", "fastest", "balanced", or an object such as {"balanced": {"cost": 2, "firstToken": 1}}',
    },
  )
  .describe('What each tier is ordered by, below health.')

const affinityBy = z.enum(['session', 'tenant', 'prefix'])

const affinitySchema = z
  .union(
    [
      affinityBy,
      z.strictObject({
        by: affinityBy,
        tolerance: share
          .default(0.2)
          .describe(
            'Under an objective that scores: how much worse than the best a target may be to keep a request, as a share.',
          ),
      }),
    ],
    {
      error:
        'must be "session", "tenant" or "prefix", or an object such as {"by": "session", "tolerance": 0.1}',
    },
  )
  .describe('Which requests stay with one target, so that its prompt cache is used.')

const canarySchema = z
  .strictObject({
    target: z
      .string()
      .max(256)
      .describe('The target on trial; it need not stand in the tiers of the route.'),
    share: z
      .number()
      .gt(0)
      .max(0.5)
      .describe('Of the requests of the route, those that go to it first: 0.05 is one in twenty.'),
    by: z
      .enum(['session', 'tenant'])
      .default('session')
      .describe(
        'Which requests stay on the same side; those without a session are drawn by chance.',
      ),
    slowAfterMs: z
      .number()
      .int()
      .positive()
      .max(600_000)
      .optional()
      .describe('A first token later than this counts as a failure, on both sides, ms.'),
    run: z
      .string()
      .regex(/^[a-z0-9._-]{1,32}$/, 'a word of lower-case letters, digits, ".", "_" and "-"')
      .default('1')
      .describe('Another word is another trial: it starts a canary again that was stopped.'),
  })
  .describe('A target on trial. It is stopped by itself when it fails about twice as often.')

const floorsSchema = z
  .strictObject({
    schemaValidity: share
      .optional()
      .describe('Share of answers that parse where JSON was asked for.'),
    toolCallSuccess: share
      .optional()
      .describe('Share of answers whose tool calls parse, where tools were given.'),
    minSamples: z
      .number()
      .int()
      .min(5)
      .max(10_000)
      .default(20)
      .describe('Fewer answers than this say nothing.'),
  })
  .describe('A target that falls below one of these is asked when all others have failed.')

/** Of a route. */
export const routeRankingFields = {
  objective: objectiveSchema.optional(),
  affinity: affinitySchema.optional(),
  canary: canarySchema.optional(),
  floors: floorsSchema.optional(),
}

const rate = z.number().positive().max(1_000_000_000)

/** Of a target. */
export const targetRankingFields = {
  cachedShare: share
    .optional()
    .describe(
      "Share of its prompts that is expected in the provider's cache, for the expected cost, until usage reports say: 0.6 is six tokens in ten.",
    ),
  reserved: z
    .strictObject({
      requestsPerMinute: rate.optional(),
      tokensPerMinute: rate.optional().describe('Of prompt and output together.'),
    })
    .refine(
      (rates) => Object.values(rates).some((value) => value !== undefined),
      'must declare requestsPerMinute or tokensPerMinute',
    )
    .optional()
    .describe(
      'Capacity that is paid for anyway, of one macro-region: it is used first, and what is over it spills to the others of the tier.',
    ),
}

export type ObjectiveConfig = z.infer<typeof objectiveSchema>
export type AffinityConfig = z.infer<typeof affinitySchema>
export type CanaryConfig = z.infer<typeof canarySchema>
