import { invalidRequest, type GatewayError } from '../canonical/errors.ts'
import type { CanonicalEvent } from '../canonical/events.ts'
import { failureTable, type Failure } from '../canonical/failure.ts'
import type { CanonicalRequest, Message } from '../canonical/request.ts'
import type { RouteLadder } from '../edge/ladder.ts'
import type { Runtime } from '../edge/runtime.ts'
import type { PlannedStep } from '../policy/plan.ts'
import { hasServerTools } from './hedge.ts'
import type { Continued } from './record.ts'

const header = 'x-switchyard-resume'

/** Whether the caller wants an interrupted answer to go on elsewhere. The header has one value, `continue`. */
export function readResume(headers: Headers): boolean | GatewayError {
  const value = headers.get(header)
  if (value === null) return false
  if (value.trim().toLowerCase() === 'continue') return true
  return invalidRequest(`${header} must be "continue"`, header)
}

/** Why no answer to this request may go on elsewhere (`reliability.md` 2), in words; null where it may. */
export function whyNotContinued(request: CanonicalRequest): string | null {
  const { sampling, responseFormat, outputModalities, messages } = request
  if ((sampling.n ?? 1) > 1) return 'it asks for several answers'
  if (sampling.logprobs === true || sampling.topLogprobs !== undefined)
    return 'it asks for log probabilities'
  if (responseFormat !== undefined && responseFormat.type !== 'text')
    return 'it asks for structured output'
  if (outputModalities?.some((modality) => modality !== 'text') === true)
    return 'it asks for more than text'
  if (hasServerTools(request)) return 'it has tools that the provider runs'
  if (messages.at(-1)?.role === 'assistant') return 'its last turn is one of the assistant'
  return null
}

/** The same of what its route holds answers against: JSON of a schema of its own. */
export function whyNotByRoute(ladder: RouteLadder | undefined): string | null {
  if (ladder === undefined) return null
  const { validation, checks = [] } = ladder
  const rules = [validation, ...new Map(checks).values()]
  return rules.some((one) => typeof one?.schema === 'object')
    ? 'its route takes structured output only'
    : null
}

/** What an answer has told its client so far, as far as it decides whether it can go on elsewhere. */
export class ToldAnswer {
  text = ''
  /** Of the text that was told last. */
  block: number | undefined
  #isPlain = true

  see(event: CanonicalEvent): void {
    switch (event.type) {
      case 'text':
        this.text += event.text
        this.block = event.block
        return
      case 'start':
      case 'usage':
      case 'finish':
      case 'failure':
        return
      case 'reasoning':
        // Thinking without a proof, before the answer, is told; what is signed cannot be gone on with.
        if (event.signature !== undefined || event.redacted !== undefined) this.#isPlain = false
        return
      default:
        this.#isPlain = false
    }
  }

  /** Text and nothing else that counts: no tool call, no citation, no signed thought. */
  get isPlain(): boolean {
    return this.#isPlain && this.text.trim() !== ''
  }
}

/** An answer goes on only after what another target may make good: not after a refusal, nor when its client left. */
export function mayContinueAfter(failure: Failure): boolean {
  const { fallback } = failureTable[failure.class]
  return fallback === 'yes' || fallback === 'preferred'
}

/** How a target is told what there is already. */
export type ContinuationMode = Continued['mode']

export interface ContinuationStep {
  readonly step: PlannedStep
  readonly mode: ContinuationMode
}

/**
 * Who may go on, best first: the same model elsewhere, then those that take the beginning of an answer, then the order
 * of the plan. Never who was asked already.
 */
export function continuationSteps(
  broken: PlannedStep,
  steps: readonly PlannedStep[],
  asked: ReadonlySet<string>,
  allowsUserTurn: boolean,
  nowMs: number,
  { targets }: Runtime,
): readonly ContinuationStep[] {
  const found = steps.flatMap((step): ContinuationStep[] => {
    if (step.barred || step.notBeforeMs > nowMs || asked.has(step.target)) return []
    if (targets.get(step.target)?.standing.features.has('prefill') === true)
      return [{ step, mode: 'prefill' }]
    return allowsUserTurn ? [{ step, mode: 'user_turn' }] : []
  })
  const family = familyOf(broken.model)
  const place = ({ step, mode }: ContinuationStep) =>
    (familyOf(step.model) === family ? 0 : 2) + (mode === 'prefill' ? 0 : 1)
  return found.toSorted((a, b) => place(a) - place(b))
}

/**
 * The same weights under the names of different vendors: without the maker's prefix, the date and the version
 * (`us.anthropic.claude-sonnet-4-5-20250929-v1:0`, `anthropic/claude-sonnet-4.5`).
 */
export function familyOf(model: string): string {
  return (model.toLowerCase().split('/').at(-1) ?? '')
    .replace(/^(?:[a-z]{2,6}\.)?[a-z]+\.(?=[a-z])/, '')
    .replace(/:[a-z0-9]+$/, '')
    .replace(/-v\d+$/, '')
    .replace(/[-@](?:20\d{6}|20\d\d-\d\d-\d\d|latest)$/, '')
    .replaceAll('.', '-')
}

/** Characters of a token, roughly: used only to shorten what is left of the caller's limit. */
const charactersPerToken = 4
/** Less is no answer. */
const leastTokens = 16

/** The request for the rest of an answer; null when the caller's limit leaves no room for one. */
export function continuedRequest(
  request: CanonicalRequest,
  told: string,
  mode: ContinuationMode,
): CanonicalRequest | null {
  // Thinking again in the middle of an answer helps nobody, and no prefill goes with it (Anthropic, Bedrock).
  const { reasoning: _, maxOutputTokens, ...rest } = request
  const left =
    maxOutputTokens === undefined
      ? undefined
      : maxOutputTokens - Math.floor(told.length / charactersPerToken)
  if (left !== undefined && left < leastTokens) return null
  return {
    ...rest,
    stream: true,
    messages: [...request.messages, ...turns(told, mode)],
    ...(left === undefined ? {} : { maxOutputTokens: left }),
  }
}

function turns(told: string, mode: ContinuationMode): readonly Message[] {
  // Anthropic refuses a prefill that ends in white space; the client has it already.
  const beginning: Message = {
    role: 'assistant',
    content: [{ type: 'text', text: told.trimEnd() }],
  }
  return mode === 'prefill'
    ? [beginning]
    : [beginning, { role: 'user', content: [{ type: 'text', text: goOn }] }]
}

const goOn =
  'Your answer was cut off by a broken connection. Go on from exactly where it stops, in the same language and style. Repeat nothing, and write no introduction.'
