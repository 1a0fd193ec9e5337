import * as z from 'zod'
import {
  listFacts,
  numberFacts,
  orderedFacts,
  refusalStatuses,
  ruleLimits,
  textFacts,
  type Condition,
  type TextTest,
} from '../policy/rule.ts'
import {
  constraintSchema,
  dataClass,
  globPattern,
  maxListLength,
  requestClass,
} from './policy-schema.ts'

/** The shape of `rules` in `routes.json`: a closed set of tests over facts, and what is done when they hold. */

const longestWord = 256
const text = z.string().min(1).max(longestWord)
const words = z.array(text).min(1).max(maxListLength)
const inWords = z.strictObject({ in: words })
const glob = z.strictObject({
  glob: z.union([globPattern, z.array(globPattern).min(1).max(maxListLength)]),
})

const textTest = z
  .union([text, words, inWords, glob], {
    error: 'must be a word, a list of words, {"in": [...]} or {"glob": "..."}',
  })
  .describe('A word, several of which one has to match, or patterns with `*`.')
  .meta({ id: 'wordTest' })

const orderedTest = z
  .union(
    [
      text,
      words,
      inWords,
      glob,
      z.strictObject({
        range: z.strictObject({ from: text.optional(), to: text.optional() }),
      }),
    ],
    {
      error:
        'must be a word, a list of words, {"in": [...]}, {"glob": "..."} or {"range": {"from", "to"}}',
    },
  )
  .describe('As for other words, or a range of the order they stand in.')
  .meta({ id: 'orderedTest' })

const number = z.number().nonnegative()
const numberTest = z
  .union(
    [
      number,
      z.strictObject({ in: z.array(number).min(1).max(maxListLength) }),
      z.strictObject({
        range: z.strictObject({ from: number.optional(), to: number.optional() }),
      }),
    ],
    { error: 'must be a number, {"in": [...]} or {"range": {"from", "to"}}' },
  )
  .describe('A number, several, or a range, both ends included.')
  .meta({ id: 'numberTest' })

function fieldsOf<Name extends string, Schema extends z.ZodType>(
  names: readonly Name[],
  schema: Schema,
): Record<Name, z.ZodOptional<Schema>> {
  return Object.fromEntries(names.map((name) => [name, schema.optional()])) as Record<
    Name,
    z.ZodOptional<Schema>
  >
}

export const conditionSchema: z.ZodType<Condition> = z.lazy(() =>
  z.strictObject({
    ...fieldsOf(textFacts, textTest),
    ...fieldsOf(orderedFacts, orderedTest),
    ...fieldsOf(numberFacts, numberTest),
    ...fieldsOf(listFacts, textTest),
    stream: z.boolean().optional(),
    tags: z.record(text, textTest as z.ZodType<TextTest>).optional(),
    all: z.array(conditionSchema).max(maxListLength).optional().describe('All of these hold.'),
    any: z
      .array(conditionSchema)
      .min(1)
      .max(maxListLength)
      .optional()
      .describe('One of these holds.'),
    not: conditionSchema.optional().describe('This does not hold.'),
  }),
)

const refusal = z.strictObject({
  status: z
    .union(
      refusalStatuses.map((status) => z.literal(status)),
      { error: `must be one of ${refusalStatuses.join(', ')}` },
    )
    .default(403),
  message: z.string().min(1).max(500).describe('What the caller is told.'),
})

export const outcomeSchema = z
  .strictObject({
    route: z
      .string()
      .optional()
      .describe('Sends the request to this route; the first rule decides.'),
    constrain: constraintSchema.optional().describe('Asks this of every target, beside all else.'),
    refuse: refusal.optional().describe('Answers with an error; no other outcome beside it.'),
    class: requestClass.optional().describe('Makes the request one of this class.'),
    dataClass: dataClass.optional().describe('Raises the class of its data.'),
  })
  .refine((then) => Object.keys(then).length > 0, 'must say what is done')
  .refine(
    (then) => then.refuse === undefined || Object.keys(then).length === 1,
    '"refuse" stands alone',
  )

export const rulesSchema = z
  .array(
    z.strictObject({
      name: z
        .string()
        .regex(
          /^[a-z0-9][a-z0-9._-]{0,63}$/,
          'a name is made of lower-case letters, digits, ".", "_" and "-", at most 64 of them',
        ),
      when: conditionSchema.describe('Everything that stands here has to hold; `{}` always does.'),
      // eslint-disable-next-line unicorn/no-thenable -- an outcome, no promise: it is no function
      then: outcomeSchema,
    }),
  )
  .max(ruleLimits.rules)
  .describe('Asked in order, for every request.')
