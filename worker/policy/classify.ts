import type { Block, MediaSource } from '../canonical/blocks.ts'
import type { Feature } from '../canonical/features.ts'
import type { CanonicalRequest, ToolChoice } from '../canonical/request.ts'

/** Something the request asks for, with the caller's own field for it. */
export interface Need {
  readonly feature: Feature
  readonly param: string
}

/** What the policy reads of a request. Never the text of a message. */
export interface RequestFacts {
  /** Without these the answer would be another one: a target that lacks one is avoided. */
  readonly needs: readonly Need[]
  /** A target that lacks one of these answers all the same, with a warning that names it. */
  readonly wishes: readonly Need[]
  /** A target that lacks one of these is avoided while another has it; the last one answers with a warning. */
  readonly preferred: readonly Need[]
  /** Wire formats whose own blocks, tools or fields the request holds. */
  readonly wires: readonly {
    readonly wire: string
    readonly param: string
    readonly hard: boolean
  }[]
  /** Rough size of the prompt, tokens: four characters each. A lower estimate, not a bound. */
  readonly promptTokens: number
  readonly maxOutputTokens: number | null
}

export function classify(request: CanonicalRequest): RequestFacts {
  const needs = new Map<Feature, string>()
  const wires: { wire: string; param: string; hard: boolean }[] = []
  const size = { characters: 0 }
  for (const [index, message] of request.messages.entries()) {
    for (const block of message.content)
      blockNeeds(block, `messages[${index}].content`, needs, wires, size)
  }
  const last = request.messages.at(-1)
  if (last?.role === 'assistant' && last.content.length > 0)
    needs.set('prefill', `messages[${request.messages.length - 1}]`)
  toolNeeds(request, needs, wires, size)
  outputNeeds(request, needs)
  for (const [wire, fields] of Object.entries(request.extensions ?? {})) {
    for (const field of Object.keys(fields)) wires.push({ wire, param: field, hard: false })
  }
  return {
    needs: [...needs].map(([feature, param]) => ({ feature, param })),
    wishes: wishes(request),
    // Most models call one tool when one is forced, whether they can be held to it or not.
    preferred:
      request.parallelToolCalls === false && needs.has('tools')
        ? [{ feature: 'singleToolCall', param: 'parallel_tool_calls' }]
        : [],
    wires,
    promptTokens: Math.ceil(size.characters / 4),
    maxOutputTokens: request.maxOutputTokens ?? null,
  }
}

type Wires = { wire: string; param: string; hard: boolean }[]

function blockNeeds(
  block: Block,
  param: string,
  needs: Map<Feature, string>,
  wires: Wires,
  size: { characters: number },
): void {
  switch (block.type) {
    case 'text':
    case 'refusal':
    case 'reasoning':
      size.characters += block.text.length
      return
    case 'image':
      // An image costs some hundred to two thousand tokens; 3,000 characters is the middle of that.
      size.characters += 3000
      needs.set(block.source.kind === 'url' ? 'imageUrl' : 'imageBase64', param)
      if (block.source.kind === 'id') needs.set('fileId', param)
      return
    case 'audio':
      size.characters += 3000
      needs.set('audioInput', param)
      return
    case 'video':
      size.characters += 3000
      needs.set('videoInput', param)
      return
    case 'file':
      needs.set(fileFeature(block.source), param)
      size.characters += block.source.kind === 'text' ? block.source.text.length : 6000
      return
    case 'toolCall':
      size.characters += block.arguments.length
      if (block.custom === true) needs.set('customTools', param)
      else needs.set('tools', param)
      return
    case 'toolResult':
      needs.set('tools', param)
      for (const inner of block.content) {
        if (inner.type === 'image' || inner.type === 'file') needs.set('toolResultImages', param)
        if (inner.type === 'text') size.characters += inner.text.length
      }
      return
    case 'opaque':
      wires.push({ wire: block.raw.wire, param, hard: true })
      return
    case 'media':
      return
  }
}

function fileFeature(source: MediaSource): Feature {
  switch (source.kind) {
    case 'url':
      return 'fileUrl'
    case 'base64':
      return 'fileBase64'
    case 'id':
      return 'fileId'
    case 'text':
      return 'fileText'
  }
}

function toolNeeds(
  request: CanonicalRequest,
  needs: Map<Feature, string>,
  wires: Wires,
  size: { characters: number },
): void {
  for (const [index, tool] of (request.tools ?? []).entries()) {
    if (tool.kind === 'native') {
      wires.push({ wire: tool.raw.wire, param: `tools[${index}]`, hard: true })
      continue
    }
    needs.set('tools', 'tools')
    size.characters += tool.name.length + (tool.description?.length ?? 0) + 200
    if (tool.extensions !== undefined)
      wires.push({ wire: tool.extensions.wire, param: `tools[${index}]`, hard: false })
  }
  const choice = request.toolChoice === undefined ? null : choiceFeature(request.toolChoice)
  if (choice !== null && (request.tools ?? []).length > 0) needs.set(choice, 'tool_choice')
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

function outputNeeds(request: CanonicalRequest, needs: Map<Feature, string>): void {
  const { sampling, responseFormat } = request
  if (responseFormat?.type === 'json') needs.set('jsonMode', 'response_format')
  if (responseFormat?.type === 'jsonSchema') needs.set('jsonSchema', 'response_format')
  if ((sampling.n ?? 1) > 1) needs.set('n', 'n')
  if (sampling.logprobs === true) needs.set('logprobs', 'logprobs')
  if ((request.stop ?? []).length > 0) needs.set('stop', 'stop')
  if (request.outputModalities?.includes('audio') === true) needs.set('audioOutput', 'modalities')
  if (request.outputModalities?.includes('image') === true) needs.set('imageOutput', 'modalities')
}

function wishes(request: CanonicalRequest): Need[] {
  const { sampling } = request
  const found: Need[] = []
  const wish = (feature: Feature, param: string, asked: boolean) => {
    if (asked) found.push({ feature, param })
  }
  wish('temperature', 'temperature', sampling.temperature !== undefined)
  wish('topP', 'top_p', sampling.topP !== undefined)
  wish('topK', 'top_k', sampling.topK !== undefined)
  wish('minP', 'min_p', sampling.minP !== undefined)
  wish('seed', 'seed', sampling.seed !== undefined)
  wish('frequencyPenalty', 'frequency_penalty', (sampling.frequencyPenalty ?? 0) !== 0)
  wish('presencePenalty', 'presence_penalty', (sampling.presencePenalty ?? 0) !== 0)
  wish('repetitionPenalty', 'repetition_penalty', sampling.repetitionPenalty !== undefined)
  wish('logitBias', 'logit_bias', Object.keys(sampling.logitBias ?? {}).length > 0)
  wish('reasoning', 'reasoning_effort', asksForReasoning(request))
  wish(
    'serviceTier',
    'service_tier',
    request.serviceTier !== undefined && request.serviceTier !== 'auto',
  )
  wish('verbosity', 'verbosity', request.verbosity !== undefined)
  wish('userId', 'user', request.userId !== undefined)
  wish('metadata', 'metadata', Object.keys(request.metadata ?? {}).length > 0)
  wish('promptCacheKey', 'prompt_cache_key', request.promptCacheKey !== undefined)
  wish('cacheMarks', 'cache_control', hasCacheMarks(request))
  wish('userId', 'user', request.userId !== undefined)
  wish('metadata', 'metadata', request.metadata !== undefined)
  wish('promptCacheKey', 'prompt_cache_key', request.promptCacheKey !== undefined)
  wish(
    'citations',
    'citations',
    request.messages.some((message) =>
      message.content.some((block) => block.type === 'file' && block.citations === true),
    ),
  )
  return found
}

function hasCacheMarks({ messages, tools }: CanonicalRequest): boolean {
  const inTools = (tools ?? []).some((tool) => tool.kind === 'function' && tool.cache !== undefined)
  return (
    inTools ||
    messages.some(({ content }) =>
      content.some((block) => 'cache' in block && block.cache !== undefined),
    )
  )
}

function asksForReasoning({ reasoning }: CanonicalRequest): boolean {
  return reasoning !== undefined && reasoning.enabled !== false && reasoning.effort !== 'none'
}
