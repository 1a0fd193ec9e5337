import * as z from 'zod'
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
  .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'a word of lower-case letters, digits, ".", "_" and "-"')

export const macroRegion = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, 'a macro-region in lower case, such as "eu" or "us"')

export const globPattern = z
  .string()
  .min(1)
  .max(maxGlobLength, `a pattern has at most ${maxGlobLength} characters`)

const globs = z.array(globPattern).min(1).max(maxListLength)

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

const usdPerMillion = z.number().nonnegative().max(1_000_000)
const qualityTier = z.number().int().min(1).max(10)

export const constraintSchema = z
  .strictObject({
    regions: z
      .array(macroRegion)
      .max(maxListLength)
      .optional()
      .describe('Targets have to process in these alone, and to declare it.'),
    allow: globs.optional().describe('Patterns of targets; one of them has to match.'),
    deny: globs.optional().describe('Patterns of targets; none of them may match.'),
    maxRetentionDays: z
      .number()
      .int()
      .nonnegative()
      .max(36_500)
      .optional()
      .describe('Longest time that a provider may keep what it is sent, days.'),
    zeroDataRetention: z
      .literal(true)
      .optional()
      .describe('Providers have to declare that they keep nothing.'),
    noTraining: z
      .literal(true)
      .optional()
      .describe('Providers have to declare that they train on nothing they are sent.'),
    certifications: z
      .array(word)
      .min(1)
      .max(maxListLength)
      .optional()
      .describe('Providers have to declare all of these.'),
    maxInputUsdPerMillion: usdPerMillion
      .optional()
      .describe('Highest price of the prompt, USD per million tokens.'),
    maxOutputUsdPerMillion: usdPerMillion
      .optional()
      .describe('Highest price of the answer, USD per million tokens.'),
    maxFirstTokenP95Ms: z
      .number()
      .int()
      .positive()
      .max(600_000)
      .optional()
      .describe(
        'Highest measured 95th percentile to the first token, ms; what is not measured passes.',
      ),
    requireMeasured: z
      .literal(true)
      .optional()
      .describe('Targets whose time to the first token nobody has measured are left out.'),
    minQualityTier: qualityTier.optional().describe('Lowest declared `qualityTier`.'),
    features: z
      .array(feature)
      .min(1)
      .max(maxListLength)
      .optional()
      .describe('What targets have to be able to do, whether the request uses it or not.'),
    require: z
      .array(feature)
      .min(1)
      .max(maxListLength)
      .optional()
      .describe(
        'Of what the request asks for, what targets have to be able to do, such as `seed` or `reasoning`, which otherwise are warned of.',
      ),
    minContextTokens: z
      .number()
      .int()
      .positive()
      .max(100_000_000)
      .optional()
      .describe('Smallest context, tokens.'),
    fitsContext: z
      .literal(true)
      .optional()
      .describe('A target whose context is too small is left out, even if it is the last.'),
  })
  .describe('What targets have to be. Several constraints of one request all have to be met.')
  .meta({ id: 'constraint' })

/** The schema says what the policy reads, no more and no less. */
export type ConstraintConfig = z.infer<typeof constraintSchema> & Constraint

export const dataFactsSchema = z
  .strictObject({
    retentionDays: z
      .number()
      .int()
      .nonnegative()
      .max(36_500)
      .optional()
      .describe('How long it may keep what it is sent, days.'),
    training: z.boolean().optional().describe('It trains on what it is sent.'),
    zeroDataRetention: z.boolean().optional().describe('It keeps nothing at all.'),
    certifications: z
      .array(word)
      .max(maxListLength)
      .optional()
      .describe('Such as `hipaa`, `iso27001`, `soc2`.'),
    maxDataClass: dataClass
      .optional()
      .describe('The most careful class of data that may be sent there.'),
  })
  .describe(
    'How it handles what it is sent, as your contract with it says. What is left out is not declared.',
  )
  .meta({ id: 'dataHandling' })

/** Of a provider. */
export const providerPolicyFields = { data: dataFactsSchema.optional() }

/** Of a target, over those of its provider. */
export const targetPolicyFields = {
  regions: z
    .array(macroRegion)
    .min(1)
    .max(maxListLength)
    .optional()
    .describe('Where this target processes data, in place of the regions of its provider.'),
  data: dataFactsSchema.optional().describe('Laid over `data` of its provider, field by field.'),
  family: word
    .optional()
    .describe(
      'Which line of models it belongs to, such as `claude` or `llama`, where its name does not say.',
    ),
  qualityTier: qualityTier
    .optional()
    .describe('How good its answers are, from 1 (weakest) to 10, by your own judgement.'),
}

/** Of a route. */
export const routePolicyFields = {
  constraints: constraintSchema.optional(),
  class: requestClass
    .optional()
    .describe('What its requests are, where the caller gives no class of its own.'),
  dataClass: dataClass
    .optional()
    .describe(
      'How carefully its requests are handled at least; callers and detectors can only raise it.',
    ),
}

/** Of a tenant. */
export const tenantPolicyFields = {
  tier: word
    .optional()
    .describe('Such as `premium`, `standard`, `batch`; rules read it as `tenantTier`.'),
  constraints: constraintSchema.optional(),
  dataClass: dataClass
    .optional()
    .describe(
      'How carefully its requests are handled at least; callers and detectors can only raise it.',
    ),
}

const detector = z.union([dataClass, z.literal('off')], {
  error: `must be one of ${dataClasses.join(', ')}, or "off"`,
})

export const detectorsSchema = z
  .strictObject(
    Object.fromEntries(findings.map((finding) => [finding, detector.optional()])) as Record<
      (typeof findings)[number],
      z.ZodOptional<typeof detector>
    >,
  )
  .describe('Which class of data each detector makes of a request in which it finds something.')
