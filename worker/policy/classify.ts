import type { Feature } from '../canonical/features.ts'
import type { CanonicalRequest, ToolChoice } from '../canonical/request.ts'
import { Asked, contentNeeds, usualNameLength } from './content-needs.ts'
import { nameOf } from './field-names.ts'
import {
  plainContext,
  sizeOf,
  type FactsContext,
  type Need,
  type RequestFacts,
} from './request-facts.ts'

export type { FactsContext, Need, RequestFacts } from './request-facts.ts'

/** The facts of a request; `context` is what stands beside its body. */
export function classify(
  request: CanonicalRequest,
  context: FactsContext = plainContext,
): RequestFacts {
  const asked = new Asked(request)
  contentNeeds(request, asked)
  toolNeeds(request, asked)
  outputNeeds(request, asked)
  settingWishes(request, asked)
  for (const [wire, fields] of Object.entries(request.extensions ?? {})) {
    for (const field of Object.keys(fields))
      asked.bind(wire, field === 'betas' ? nameOf(request, 'betas') : field, false)
  }
  const promptTokens = Math.ceil(asked.characters / 4)
  return {
    ...context,
    needs: listed(asked.needs),
    wishes: listed(asked.wishes),
    preferred: asked.needs.has('tools') ? callsAtOnce(request) : none,
    wires: asked.wires,
    promptTokens,
    size: sizeOf(promptTokens),
    maxOutputTokens: request.maxOutputTokens ?? null,
    stopSequences: request.stop?.length ?? 0,
    messages: request.messages.length,
    tools: request.tools?.length ?? 0,
    stream: request.stream,
  }
}

const none: readonly Need[] = []

/** One call or several. Most models call one tool when one is forced, and several when they may, whether they can be held to it or not. */
function callsAtOnce(request: CanonicalRequest): readonly Need[] {
  const { parallelToolCalls } = request
  if (parallelToolCalls === undefined) return none
  const param = nameOf(request, 'singleToolCall')
  return [{ feature: parallelToolCalls ? 'parallelTools' : 'singleToolCall', param }]
}

/** The part of a request that asks for `feature`, however much it insists; undefined: none does. */
export function askedOf(
  { needs, preferred, wishes }: Pick<RequestFacts, 'needs' | 'preferred' | 'wishes'>,
  feature: Feature,
): Need | undefined {
  const is = (need: Need) => need.feature === feature
  return needs.find(is) ?? preferred.find(is) ?? wishes.find(is)
}

function listed(asked: ReadonlyMap<Feature, string>): Need[] {
  return [...asked].map(([feature, param]) => ({ feature, param }))
}

function toolNeeds(request: CanonicalRequest, asked: Asked): void {
  const { tools = [], toolChoice } = request
  for (const [index, tool] of tools.entries()) {
    const path = `tools[${index}]`
    if (tool.kind === 'native') {
      asked.bind(tool.raw.wire, path, true)
      continue
    }
    // Named by their own field, even where a message asked for them first.
    asked.needs.set('tools', nameOf(request, 'tools'))
    asked.characters += tool.name.length + (tool.description?.length ?? 0) + 200
    if (tool.name.length > usualNameLength) asked.need('longToolNames', path)
    asked.wish('strictTools', tool.strict === true, path)
    asked.wish('cacheMarks', tool.cache !== undefined, path)
    for (const field of Object.keys((tool.extensions?.value as object | undefined) ?? {}))
      asked.bind(tool.extensions?.wire ?? '', `${path}.${field}`, false)
  }
  const choice = toolChoice === undefined ? null : choiceFeature(toolChoice)
  if (choice !== null && tools.length > 0) asked.need(choice)
}

function choiceFeature(choice: ToolChoice): Feature | null {
  switch (choice.type) {
    case 'auto':
      return null
    case 'none':
      return 'toolChoiceNone'
    case 'required':
      return 'toolChoiceRequired'
    case 'tool':
      return 'toolChoiceNamed'
    case 'allowed':
      return 'toolChoiceAllowed'
  }
}

function outputNeeds(request: CanonicalRequest, asked: Asked): void {
  const { sampling, responseFormat, outputModalities = [] } = request
  if (responseFormat?.type === 'json') asked.need('jsonMode')
  if (responseFormat?.type === 'jsonSchema') asked.need('jsonSchema')
  if ((sampling.n ?? 1) > 1) asked.need('n')
  if (sampling.logprobs === true) asked.need('logprobs')
  if ((request.stop ?? []).length > 0) asked.need('stop')
  if (outputModalities.includes('audio')) asked.need('audioOutput')
  else asked.wish('audioOutput', request.audioOutput !== undefined, 'audio')
  if (outputModalities.includes('image')) asked.need('imageOutput')
}

function settingWishes(request: CanonicalRequest, asked: Asked): void {
  const { sampling, reasoning, serviceTier } = request
  asked.wish('temperature', sampling.temperature !== undefined)
  asked.wish('topP', sampling.topP !== undefined)
  asked.wish('topK', sampling.topK !== undefined)
  asked.wish('minP', sampling.minP !== undefined)
  asked.wish('seed', sampling.seed !== undefined)
  asked.wish('frequencyPenalty', (sampling.frequencyPenalty ?? 0) !== 0)
  asked.wish('presencePenalty', (sampling.presencePenalty ?? 0) !== 0)
  asked.wish('repetitionPenalty', sampling.repetitionPenalty !== undefined)
  asked.wish('logitBias', Object.keys(sampling.logitBias ?? {}).length > 0)
  asked.wish(
    'logprobs',
    sampling.topLogprobs !== undefined && sampling.logprobs !== true,
    'top_logprobs',
  )
  asked.wish('reasoning', asksForReasoning(request))
  asked.wish('hiddenReasoning', reasoning?.hidden === true)
  asked.wish('serviceTier', serviceTier !== undefined && serviceTier !== 'auto')
  asked.wish('verbosity', request.verbosity !== undefined)
  asked.wish('userId', request.userId !== undefined)
  asked.wish('metadata', Object.keys(request.metadata ?? {}).length > 0)
  asked.wish('promptCacheKey', request.promptCacheKey !== undefined)
}

function asksForReasoning({ reasoning }: CanonicalRequest): boolean {
  return reasoning !== undefined && reasoning.enabled !== false && reasoning.effort !== 'none'
}
