import type { Block } from '../canonical/blocks.ts'
import type { CanonicalEvent } from '../canonical/events.ts'
import type { CanonicalRequest } from '../canonical/request.ts'
import { type ChoiceResponse, collect } from '../canonical/response.ts'
import type { RouteLadder } from '../edge/ladder.ts'
import type { ValidateConfig } from '../edge/ladder-schema.ts'
import { isErrorText } from './error-text.ts'
import type { Objection } from './judge.ts'
import { checkSchema } from './schema/check-schema.ts'

/** Whether a schema was there to hold the answer against, and what is wrong with it; null: nothing is. */
export interface Validity {
  readonly objection: Objection | null
  /** Null: no schema was asked for, or nobody here can judge it. */
  readonly isSchemaValid: boolean | null
}

/** Holds a whole answer against the rules of its route. Pure, and bounded by the size of the answer. */
export function validate(
  rules: ValidateConfig,
  request: CanonicalRequest,
  events: readonly CanonicalEvent[],
): Validity {
  const collected = collect(events)
  const { choices } = collected.ok ? collected.response : collected.partial
  let isSchemaValid: boolean | null = null
  let objection: Objection | null = null
  for (const choice of choices) {
    const schema = schemaVerdict(rules, request, choice)
    if (schema !== null) isSchemaValid = (isSchemaValid ?? true) && schema.isValid
    objection ??= plainObjection(rules, choice) ?? schema?.objection ?? null
  }
  if (choices.length === 0) objection = empty
  return { objection, isSchemaValid }
}

/** The same by the rules of a ladder and those of the route that `target` comes from; null: nothing is asked of answers. */
export function validateFrom(
  target: string,
  { validation, checks }: Pick<RouteLadder, 'validation' | 'checks'>,
  request: CanonicalRequest,
  events: readonly CanonicalEvent[],
): Validity | null {
  const own = validation === null ? null : validate(validation, request, events)
  const rules = checks?.get(target)
  if (rules === undefined) return own
  const other = validate(rules, request, events)
  if (own === null) return other
  const valid = [own, other].flatMap(({ isSchemaValid }) => isSchemaValid ?? [])
  return {
    objection: own.objection ?? other.objection,
    isSchemaValid: valid.length === 0 ? null : valid.every(Boolean),
  }
}

const empty: Objection = {
  rule: 'empty',
  message: 'the answer has nothing in it',
  isTargetFault: true,
}

function plainObjection(rules: ValidateConfig, choice: ChoiceResponse): Objection | null {
  const { reason } = choice.finish
  if (rules.finish !== undefined && !rules.finish.includes(reason)) {
    const message = `the answer ended with "${reason}", which this route does not take`
    // A limit of the caller's cuts every target's answer.
    return { rule: 'finish', message, isTargetFault: reason !== 'length' }
  }
  if (rules.nonEmpty === true && choice.content.every(isEmpty)) return empty
  if (rules.noErrorText === true && isErrorText(textOf(choice)) && !callsTool(choice)) {
    const message = 'the answer is an apology or an error message'
    return { rule: 'error_text', message, isTargetFault: true }
  }
  return null
}

interface SchemaVerdict {
  readonly isValid: boolean
  readonly objection: Objection | null
}

/** Null where there is no schema, the answer was cut, or it is a call of a tool. */
function schemaVerdict(
  { schema: declared }: ValidateConfig,
  { responseFormat }: CanonicalRequest,
  choice: ChoiceResponse,
): SchemaVerdict | null {
  if (declared === undefined || choice.finish.reason !== 'stop') return null
  if (callsTool(choice) || choice.content.some(({ type }) => type === 'refusal')) return null
  const asked = responseFormat?.type === 'jsonSchema' ? responseFormat.schema : undefined
  if (declared === true && asked === undefined && responseFormat?.type !== 'json') return null
  const parsed = parse(textOf(choice))
  if (parsed === null) return wrong('the answer is not JSON')
  const schema = declared === true ? (asked ?? true) : declared
  const result = checkSchema(schema, parsed.value)
  if (result.kind === 'unknown') return null
  if (result.kind === 'valid') return { isValid: true, objection: null }
  const { path, keyword } = result.fault
  return wrong(`the answer does not match the schema: ${path} breaks "${keyword}"`)
}

function wrong(message: string): SchemaVerdict {
  return { isValid: false, objection: { rule: 'schema', message, isTargetFault: true } }
}

function parse(text: string): { readonly value: unknown } | null {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch {
    return null
  }
}

function textOf({ content }: ChoiceResponse): string {
  return content.map((block) => (block.type === 'text' ? block.text : '')).join('')
}

function callsTool({ content }: ChoiceResponse): boolean {
  return content.some(({ type }) => type === 'toolCall')
}

/** Thinking is no answer. */
function isEmpty(block: Block): boolean {
  switch (block.type) {
    case 'text':
    case 'refusal':
      return block.text.trim() === ''
    case 'reasoning':
      return true
    default:
      return false
  }
}
