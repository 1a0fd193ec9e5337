import * as z from 'zod/mini'
import { described, toolText } from '../../durable-objects/described.ts'
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
const text = z.string().check(z.minLength(1), z.maxLength(longestWord))
const words = z.array(text).check(z.minLength(1), z.maxLength(maxListLength))
const inWords = z.strictObject({ in: words })
const glob = z.strictObject({
  glob: z.union([
    globPattern,
    z.array(globPattern).check(z.minLength(1), z.maxLength(maxListLength)),
  ]),
})

const textTest = described(
  z.union([text, words, inWords, glob], {
    error: 'must be a word, a list of words, {"in": [...]} or {"glob": "..."}',
  }),
  toolText('A word, several of which one has to match, or patterns with `*`.'),
  'wordTest',
)

const orderedTest = described(
  z.union(
    [
      text,
      words,
      inWords,
      glob,
      z.strictObject({
        range: z.strictObject({ from: z.optional(text), to: z.optional(text) }),
      }),
    ],
    {
      error:
        'must be a word, a list of words, {"in": [...]}, {"glob": "..."} or {"range": {"from", "to"}}',
    },
  ),
  toolText('As for other words, or a range of the order they stand in.'),
  'orderedTest',
)

const number = z.number().check(z.nonnegative())
const numberTest = described(
  z.union(
    [
      number,
      z.strictObject({ in: z.array(number).check(z.minLength(1), z.maxLength(maxListLength)) }),
      z.strictObject({
        range: z.strictObject({ from: z.optional(number), to: z.optional(number) }),
      }),
    ],
    { error: 'must be a number, {"in": [...]} or {"range": {"from", "to"}}' },
  ),
  toolText('A number, several, or a range, both ends included.'),
  'numberTest',
)

function fieldsOf<Name extends string, Schema extends z.ZodMiniType>(
  names: readonly Name[],
  schema: Schema,
): Record<Name, z.ZodMiniOptional<Schema>> {
  return Object.fromEntries(names.map((name) => [name, z.optional(schema)])) as Record<
    Name,
    z.ZodMiniOptional<Schema>
  >
}

export const conditionSchema: z.ZodMiniType<Condition> = z.lazy(() =>
  z.strictObject({
    ...fieldsOf(textFacts, textTest),
    ...fieldsOf(orderedFacts, orderedTest),
    ...fieldsOf(numberFacts, numberTest),
    ...fieldsOf(listFacts, textTest),
    stream: z.optional(z.boolean()),
    tags: z.optional(z.record(text, textTest as z.ZodMiniType<TextTest>)),
    all: described(
      z.optional(z.array(conditionSchema).check(z.maxLength(maxListLength))),
      toolText('All of these hold.'),
    ),
    any: described(
      z.optional(z.array(conditionSchema).check(z.minLength(1), z.maxLength(maxListLength))),
      toolText('One of these holds.'),
    ),
    not: described(z.optional(conditionSchema), toolText('This does not hold.')),
  }),
)

const refusal = z.strictObject({
  status: z._default(
    z.union(
      refusalStatuses.map((status) => z.literal(status)),
      { error: `must be one of ${refusalStatuses.join(', ')}` },
    ),
    403,
  ),
  message: described(
    z.string().check(z.minLength(1), z.maxLength(500)),
    toolText('What the caller is told.'),
  ),
})

export const outcomeSchema = z
  .strictObject({
    route: described(
      z.optional(z.string()),
      toolText('Sends the request to this route; the first rule decides.'),
    ),
    constrain: described(
      z.optional(constraintSchema),
      toolText('Asks this of every target, beside all else.'),
    ),
    refuse: described(
      z.optional(refusal),
      toolText('Answers with an error; no other outcome beside it.'),
    ),
    class: described(z.optional(requestClass), toolText('Makes the request one of this class.')),
    dataClass: described(z.optional(dataClass), toolText('Raises the class of its data.')),
  })
  .check(
    z.refine((then) => Object.keys(then).length > 0, 'must say what is done'),
    z.refine(
      (then) => then.refuse === undefined || Object.keys(then).length === 1,
      '"refuse" stands alone',
    ),
  )

export const rulesSchema = described(
  z
    .array(
      z.strictObject({
        name: z
          .string()
          .check(
            z.regex(
              /^[a-z0-9][a-z0-9._-]{0,63}$/,
              'a name is made of lower-case letters, digits, ".", "_" and "-", at most 64 of them',
            ),
          ),
        when: conditionSchema.check(
          z.describe('Everything that stands here has to hold; `{}` always does.'),
        ),
        // eslint-disable-next-line unicorn/no-thenable -- an outcome, no promise: it is no function
        then: outcomeSchema,
      }),
    )
    .check(z.maxLength(ruleLimits.rules)),
  toolText('Asked in order, for every request.'),
)
