import * as z from 'zod/mini'
import { described, toolText } from '../../durable-objects/described.ts'

/** How a route orders its targets (`docs/routing-objectives.md`): objectives, affinity, canary, reserved capacity, floors. */

const share = z.number().check(z.minimum(0), z.maximum(1))
const weight = z.number().check(z.nonnegative(), z.maximum(1000))

const balancedSchema = z
  .strictObject({
    cost: described(z._default(weight, 0), toolText('Expected cost of a successful answer.')),
    firstToken: described(z._default(weight, 0), toolText('Expected time to the first token.')),
    throughput: described(z._default(weight, 0), toolText('Tokens of output per second.')),
    quality: described(z._default(weight, 0), toolText('Declared `qualityTier`.')),
    failures: described(z._default(weight, 0), toolText('Share of calls that fail.')),
  })
  .check(
    z.refine(
      (weights) => Object.values(weights).some((value) => value > 0),
      'must give some measure a weight above 0',
    ),
  )

export const objectiveSchema = described(
  z.union(
    [
      z.enum(['weighted', 'priority', 'cheapest', 'fastest', 'balanced']),
      z.strictObject({ balanced: balancedSchema }),
    ],
    {
      error:
        'must be "weighted", "priority", "cheapest", "fastest", "balanced", or an object such as {"balanced": {"cost": 2, "firstToken": 1}}',
    },
  ),
  toolText('What each tier is ordered by, below health.'),
)

const affinityBy = z.enum(['session', 'tenant', 'prefix'])

const affinitySchema = described(
  z.union(
    [
      affinityBy,
      z.strictObject({
        by: affinityBy,
        tolerance: described(
          z._default(share, 0.2),
          toolText(
            'Under an objective that scores: how much worse than the best a target may be to keep a request, as a share.',
          ),
        ),
      }),
    ],
    {
      error:
        'must be "session", "tenant" or "prefix", or an object such as {"by": "session", "tolerance": 0.1}',
    },
  ),
  toolText('Which requests stay with one target, so that its prompt cache is used.'),
)

const canarySchema = described(
  z.strictObject({
    target: described(
      z.string().check(z.maxLength(256)),
      toolText('The target on trial; it need not stand in the tiers of the route.'),
    ),
    share: described(
      z.number().check(z.gt(0), z.maximum(0.5)),
      toolText('Of the requests of the route, those that go to it first: 0.05 is one in twenty.'),
    ),
    by: described(
      z._default(z.enum(['session', 'tenant']), 'session'),
      toolText(
        'Which requests stay on the same side; those without a session are drawn by chance.',
      ),
    ),
    slowAfterMs: described(
      z.optional(z.int().check(z.positive(), z.maximum(600_000))),
      toolText('A first token later than this counts as a failure, on both sides, ms.'),
    ),
    run: described(
      z._default(
        z
          .string()
          .check(
            z.regex(
              /^[a-z0-9._-]{1,32}$/,
              'a word of lower-case letters, digits, ".", "_" and "-"',
            ),
          ),
        '1',
      ),
      toolText('Another word is another trial: it starts a canary again that was stopped.'),
    ),
  }),
  toolText('A target on trial. It is stopped by itself when it fails about twice as often.'),
)

const floorsSchema = described(
  z.strictObject({
    schemaValidity: described(
      z.optional(share),
      toolText('Share of answers that parse where JSON was asked for.'),
    ),
    toolCallSuccess: described(
      z.optional(share),
      toolText('Share of answers whose tool calls parse, where tools were given.'),
    ),
    minSamples: described(
      z._default(z.int().check(z.minimum(5), z.maximum(10_000)), 20),
      toolText('Fewer answers than this say nothing.'),
    ),
  }),
  toolText('A target that falls below one of these is asked when all others have failed.'),
)

/** Of a route. */
export const routeRankingFields = {
  objective: z.optional(objectiveSchema),
  affinity: z.optional(affinitySchema),
  canary: z.optional(canarySchema),
  floors: z.optional(floorsSchema),
}

const rate = z.number().check(z.positive(), z.maximum(1_000_000_000))

/** Of a target. */
export const targetRankingFields = {
  cachedShare: described(
    z.optional(share),
    toolText(
      "Share of its prompts that is expected in the provider's cache, for the expected cost, until usage reports say: 0.6 is six tokens in ten.",
    ),
  ),
  reserved: described(
    z.optional(
      z
        .strictObject({
          requestsPerMinute: z.optional(rate),
          tokensPerMinute: described(z.optional(rate), toolText('Of prompt and output together.')),
        })
        .check(
          z.refine(
            (rates) => Object.values(rates).some((value) => value !== undefined),
            'must declare requestsPerMinute or tokensPerMinute',
          ),
        ),
    ),
    toolText(
      'Capacity that is paid for anyway, of one macro-region: it is used first, and what is over it spills to the others of the tier.',
    ),
  ),
}

export type ObjectiveConfig = z.infer<typeof objectiveSchema>
export type AffinityConfig = z.infer<typeof affinitySchema>
export type CanaryConfig = z.infer<typeof canarySchema>
