import * as z from 'zod/mini'
import { described, toolText } from '../../durable-objects/described.ts'
import type { Feature } from '../canonical/features.ts'
import type { Constraint } from '../policy/constraint.ts'
import { findings } from '../policy/data-scan.ts'
import { maxGlobLength } from '../policy/glob.ts'
import { dataClasses, requestClasses } from '../policy/request-facts.ts'

/** What routes, rules, tenants, providers and targets declare for the policy: constraints, data handling, classes. */

/** Longest list of one option, entries. */
export const maxListLength = 256

const word = z
  .string()
  .check(
    z.regex(
      /^[a-z0-9][a-z0-9._-]{0,63}$/,
      'a word of lower-case letters, digits, ".", "_" and "-"',
    ),
  )

export const macroRegion = z
  .string()
  .check(z.regex(/^[a-z][a-z0-9-]{0,31}$/, 'a macro-region in lower case, such as "eu" or "us"'))

export const globPattern = z
  .string()
  .check(
    z.minLength(1),
    z.maxLength(maxGlobLength, `a pattern has at most ${maxGlobLength} characters`),
  )

const globs = z.array(globPattern).check(z.minLength(1), z.maxLength(maxListLength))

/** All that a target can be asked for by name; a record, so that none is forgotten. */
const featureNames: Readonly<Record<Feature, true>> = {
  tools: true,
  toolChoiceNone: true,
  toolChoiceRequired: true,
  toolChoiceNamed: true,
  toolChoiceAllowed: true,
  singleToolCall: true,
  parallelTools: true,
  customTools: true,
  strictTools: true,
  longToolNames: true,
  imageUrl: true,
  imageBase64: true,
  audioInput: true,
  videoInput: true,
  fileBase64: true,
  fileUrl: true,
  fileId: true,
  fileText: true,
  toolResultImages: true,
  toolErrors: true,
  imageDetail: true,
  documentTitles: true,
  documentContext: true,
  participantNames: true,
  thoughts: true,
  audioHistory: true,
  jsonMode: true,
  jsonSchema: true,
  reasoning: true,
  hiddenReasoning: true,
  n: true,
  logprobs: true,
  audioOutput: true,
  imageOutput: true,
  prefill: true,
  stop: true,
  temperature: true,
  topP: true,
  topK: true,
  minP: true,
  seed: true,
  frequencyPenalty: true,
  presencePenalty: true,
  repetitionPenalty: true,
  logitBias: true,
  cacheMarks: true,
  citations: true,
  userId: true,
  metadata: true,
  serviceTier: true,
  promptCacheKey: true,
  verbosity: true,
}

const features = Object.keys(featureNames) as [Feature, ...Feature[]]
export const feature = z.enum(features)

export const dataClass = z.enum(dataClasses)
export const requestClass = z.enum(requestClasses)

const usdPerMillion = z.number().check(z.nonnegative(), z.maximum(1_000_000))
const qualityTier = z.int().check(z.minimum(1), z.maximum(10))

export const constraintSchema = described(
  z.strictObject({
    regions: described(
      z.optional(z.array(macroRegion).check(z.maxLength(maxListLength))),
      toolText('Targets have to process in these alone, and to declare it.'),
    ),
    allow: described(z.optional(globs), toolText('Patterns of targets; one of them has to match.')),
    deny: described(z.optional(globs), toolText('Patterns of targets; none of them may match.')),
    maxRetentionDays: described(
      z.optional(z.int().check(z.nonnegative(), z.maximum(36_500))),
      toolText('Longest time that a provider may keep what it is sent, days.'),
    ),
    zeroDataRetention: described(
      z.optional(z.literal(true)),
      toolText('Providers have to declare that they keep nothing.'),
    ),
    noTraining: described(
      z.optional(z.literal(true)),
      toolText('Providers have to declare that they train on nothing they are sent.'),
    ),
    certifications: described(
      z.optional(z.array(word).check(z.minLength(1), z.maxLength(maxListLength))),
      toolText('Providers have to declare all of these.'),
    ),
    maxInputUsdPerMillion: described(
      z.optional(usdPerMillion),
      toolText('Highest price of the prompt, USD per million tokens.'),
    ),
    maxOutputUsdPerMillion: described(
      z.optional(usdPerMillion),
      toolText('Highest price of the answer, USD per million tokens.'),
    ),
    maxFirstTokenP95Ms: described(
      z.optional(z.int().check(z.positive(), z.maximum(600_000))),
      toolText(
        'Highest measured 95th percentile to the first token, ms; what is not measured passes.',
      ),
    ),
    requireMeasured: described(
      z.optional(z.literal(true)),
      toolText('Targets whose time to the first token nobody has measured are left out.'),
    ),
    minQualityTier: described(z.optional(qualityTier), toolText('Lowest declared `qualityTier`.')),
    features: described(
      z.optional(z.array(feature).check(z.minLength(1), z.maxLength(maxListLength))),
      toolText('What targets have to be able to do, whether the request uses it or not.'),
    ),
    require: described(
      z.optional(z.array(feature).check(z.minLength(1), z.maxLength(maxListLength))),
      toolText(
        'Of what the request asks for, what targets have to be able to do, such as `seed` or `reasoning`, which otherwise are warned of.',
      ),
    ),
    minContextTokens: described(
      z.optional(z.int().check(z.positive(), z.maximum(100_000_000))),
      toolText('Smallest context, tokens.'),
    ),
    fitsContext: described(
      z.optional(z.literal(true)),
      toolText('A target whose context is too small is left out, even if it is the last.'),
    ),
  }),
  toolText('What targets have to be. Several constraints of one request all have to be met.'),
  'constraint',
)

/** The schema says what the policy reads, no more and no less. */
export type ConstraintConfig = z.infer<typeof constraintSchema> & Constraint

export const dataFactsSchema = described(
  z.strictObject({
    retentionDays: described(
      z.optional(z.int().check(z.nonnegative(), z.maximum(36_500))),
      toolText('How long it may keep what it is sent, days.'),
    ),
    training: described(z.optional(z.boolean()), toolText('It trains on what it is sent.')),
    zeroDataRetention: described(z.optional(z.boolean()), toolText('It keeps nothing at all.')),
    certifications: described(
      z.optional(z.array(word).check(z.maxLength(maxListLength))),
      toolText('Such as `hipaa`, `iso27001`, `soc2`.'),
    ),
    maxDataClass: described(
      z.optional(dataClass),
      toolText('The most careful class of data that may be sent there.'),
    ),
  }),
  toolText(
    'How it handles what it is sent, as your contract with it says. What is left out is not declared.',
  ),
  'dataHandling',
)

/** Of a provider. */
export const providerPolicyFields = { data: z.optional(dataFactsSchema) }

/** Of a target, over those of its provider. */
export const targetPolicyFields = {
  regions: described(
    z.optional(z.array(macroRegion).check(z.minLength(1), z.maxLength(maxListLength))),
    toolText('Where this target processes data, in place of the regions of its provider.'),
  ),
  data: described(
    z.optional(dataFactsSchema),
    toolText('Laid over `data` of its provider, field by field.'),
  ),
  family: described(
    z.optional(word),
    toolText(
      'Which line of models it belongs to, such as `claude` or `llama`, where its name does not say.',
    ),
  ),
  qualityTier: described(
    z.optional(qualityTier),
    toolText('How good its answers are, from 1 (weakest) to 10, by your own judgement.'),
  ),
}

/** Of a route. */
export const routePolicyFields = {
  constraints: z.optional(constraintSchema),
  class: described(
    z.optional(requestClass),
    toolText('What its requests are, where the caller gives no class of its own.'),
  ),
  dataClass: described(
    z.optional(dataClass),
    toolText(
      'How carefully its requests are handled at least; callers and detectors can only raise it.',
    ),
  ),
}

/** Of a tenant. */
export const tenantPolicyFields = {
  tier: described(
    z.optional(word),
    toolText('Such as `premium`, `standard`, `batch`; rules read it as `tenantTier`.'),
  ),
  constraints: z.optional(constraintSchema),
  dataClass: described(
    z.optional(dataClass),
    toolText(
      'How carefully its requests are handled at least; callers and detectors can only raise it.',
    ),
  ),
}

const detector = z.union([dataClass, z.literal('off')], {
  error: `must be one of ${dataClasses.join(', ')}, or "off"`,
})

export const detectorsSchema = described(
  z.strictObject(
    Object.fromEntries(findings.map((finding) => [finding, z.optional(detector)])) as Record<
      (typeof findings)[number],
      z.ZodMiniOptional<typeof detector>
    >,
  ),
  toolText('Which class of data each detector makes of a request in which it finds something.'),
)
