import type { Block, CacheMark, MediaSource } from '../../../worker/canonical/blocks.ts'
import type { CanonicalRequest, Message, Tool } from '../../../worker/canonical/request.ts'

/**
 * Canonical requests written back into the bodies they came from, for tests
 * only: with `plain` bodies on the other side they show what a dialect's
 * parser keeps. They share no code with dialects or providers.
 */

export type Json = Record<string, unknown>

/** `value` without absent fields, at any depth. */
export function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const kept = Object.entries(value).filter(([, item]) => item !== null && item !== undefined)
  return Object.fromEntries(kept.map(([key, item]) => [key, plain(item)]))
}

/** `body` without the fields at `paths` (`messages[0].prefix`). */
export function without(body: Json, paths: readonly string[] = []): Json {
  const copy = structuredClone(body)
  for (const path of paths) {
    const steps = path.split(/[.[\]]+/).filter((step) => step !== '')
    const last = steps.pop() ?? ''
    const holder = steps.reduce<unknown>((at, step) => (at as Json | undefined)?.[step], copy)
    delete (holder as Json)[last]
  }
  return copy
}

function mark(cache: CacheMark | undefined): Json | undefined {
  return cache === undefined ? undefined : { type: 'ephemeral', ttl: cache.ttl }
}

function urlOf(source: MediaSource): string {
  if (source.kind === 'url') return source.url
  if (source.kind === 'base64') return `data:${source.mediaType};base64,${source.data}`
  throw new Error(source.kind)
}

export function toOpenAi(request: CanonicalRequest): Json {
  const { sampling, reasoning } = request
  return {
    ...request.extensions?.['openai-chat'],
    model: request.model,
    models: request.models,
    provider: request.provider && {
      order: request.provider.order,
      only: request.provider.only,
      ignore: request.provider.ignore,
      allow_fallbacks: request.provider.allowFallbacks,
      require_parameters: request.provider.requireParameters,
      sort: request.provider.sort,
      max_price: request.provider.maxPrice,
      data_collection: request.provider.dataCollection,
      zdr: request.provider.zdr,
    },
    messages: request.messages.map(openAiMessage),
    tools: request.tools?.map(openAiTool),
    tool_choice: openAiToolChoice(request.toolChoice),
    parallel_tool_calls: request.parallelToolCalls,
    response_format: openAiFormat(request.responseFormat),
    temperature: sampling.temperature,
    top_p: sampling.topP,
    top_k: sampling.topK,
    min_p: sampling.minP,
    frequency_penalty: sampling.frequencyPenalty,
    presence_penalty: sampling.presencePenalty,
    repetition_penalty: sampling.repetitionPenalty,
    seed: sampling.seed,
    logit_bias: sampling.logitBias,
    logprobs: sampling.logprobs,
    top_logprobs: sampling.topLogprobs,
    n: sampling.n,
    stop: request.stop,
    max_completion_tokens: request.maxOutputTokens,
    reasoning: reasoning && {
      effort: reasoning.effort,
      max_tokens: reasoning.budgetTokens,
      enabled: reasoning.enabled,
      exclude: reasoning.hidden,
    },
    modalities: request.outputModalities,
    audio: request.audioOutput,
    user: request.userId,
    metadata: request.metadata,
    service_tier: request.serviceTier,
    prompt_cache_key: request.promptCacheKey,
    verbosity: request.verbosity,
    stream: request.stream,
    includeUsage: request.includeUsage,
    includeCost: request.includeCost,
  }
}

function openAiFormat(format: CanonicalRequest['responseFormat']): Json | undefined {
  if (format?.type === 'json') return { type: 'json_object' }
  if (format?.type !== 'jsonSchema') return format
  const { type: _type, ...schema } = format
  return { type: 'json_schema', json_schema: schema }
}

function openAiToolChoice(choice: CanonicalRequest['toolChoice']): unknown {
  if (choice?.type === 'tool') return { type: 'function', function: { name: choice.name } }
  return choice?.type
}

function openAiTool(tool: Tool): unknown {
  if (tool.kind === 'native') return tool.raw.value
  const { name, description, parameters, strict } = tool
  return {
    type: 'function',
    function: { name, description, parameters, strict },
    cache_control: mark(tool.cache),
  }
}

function openAiMessage({ role, name, content }: Message): Json {
  const [first] = content
  if (first?.type === 'toolResult')
    return {
      role: 'tool',
      name: first.name,
      tool_call_id: first.toolCallId,
      content: first.content.map(openAiPart),
      cache_control: mark(first.cache),
    }
  const parts = content.filter((block) => !['reasoning', 'toolCall'].includes(block.type))
  const thoughts = content.filter((block) => block.type === 'reasoning')
  const calls = content.filter((block) => block.type === 'toolCall')
  return {
    role,
    name,
    content: parts.map(openAiPart),
    reasoning: thoughts.length === 0 ? undefined : thoughts.map((block) => block.text).join(''),
    signatures: thoughts.flatMap((block) => block.signature ?? unsealed(block.redacted) ?? []),
    tool_calls: calls.map((call) => ({
      id: call.id,
      type: 'function',
      function: { name: call.name, arguments: call.arguments },
      cache_control: mark(call.cache),
    })),
  }
}

/** The `data` of an encrypted thought; one with an id travels as its whole entry. */
function unsealed(redacted: string | undefined): unknown {
  return redacted?.startsWith('{') === true ? (JSON.parse(redacted) as Json)['data'] : redacted
}

function openAiPart(block: Block): Json {
  switch (block.type) {
    case 'text':
      return { type: 'text', text: block.text, cache_control: mark(block.cache) }
    case 'refusal':
      return { type: 'refusal', refusal: block.text }
    case 'image':
      return { type: 'image_url', image_url: { url: urlOf(block.source), detail: block.detail } }
    case 'audio': {
      const data = block.source.kind === 'base64' ? block.source.data : ''
      return { type: 'input_audio', input_audio: { data, format: block.format } }
    }
    case 'file': {
      const id = block.source.kind === 'id' ? block.source.id : undefined
      const data = id === undefined ? urlOf(block.source) : undefined
      return { type: 'file', file: { filename: block.name, file_data: data, file_id: id } }
    }
    default:
      throw new Error(block.type)
  }
}

/** A recorded body in the one spelling that `toOpenAi` writes. */
export function plainOpenAi(body: Json): Json {
  const { stop, max_tokens, tool_choice, usage, stream_options, functions, ...given } = body
  const { function_call, ...rest } = given
  const { reasoning_effort, reasoning, include_reasoning, thinking, ...others } = rest
  const wish = reasoning as Json | undefined
  const thought = thinking as Json | undefined
  const request = {
    effort: reasoning_effort ?? wish?.['effort'],
    max_tokens: wish?.['max_tokens'],
    enabled: wish?.['enabled'] ?? (thought && thought['type'] !== 'disabled'),
    exclude:
      wish?.['exclude'] ?? (include_reasoning === undefined ? undefined : !include_reasoning),
  }
  const said = Object.values(request).some((value) => value !== undefined && value !== null)
  const legacy = functions as unknown[] | undefined
  const wrapped = legacy?.map((definition) => ({ type: 'function', function: definition }))
  const tools = wrapped ?? (body['tools'] as unknown[] | undefined)
  const call = typeof function_call === 'object' ? { function: function_call } : function_call
  const choice = (tool_choice ?? call) as Json | string | undefined
  return {
    ...others,
    ...(wrapped === undefined ? {} : { parallel_tool_calls: false }),
    tools: tools?.length === 0 ? undefined : tools,
    messages: (body['messages'] as Json[]).map(plainOpenAiMessage),
    response_format: namedFormat(body['response_format'] as Json | undefined),
    stop: typeof stop === 'string' ? [stop] : stop,
    max_completion_tokens: body['max_completion_tokens'] ?? max_tokens,
    tool_choice: typeof choice === 'object' ? { type: 'function', ...choice } : choice,
    reasoning: said ? request : undefined,
    stream: body['stream'] ?? false,
    includeCost: (usage as Json | undefined)?.['include'] ?? false,
    includeUsage:
      (stream_options as Json | undefined)?.['include_usage'] ??
      (usage as Json | undefined)?.['include'] ??
      false,
  }
}

/** Clients of Perplexity leave the name of a schema out; other wires want one. */
function namedFormat(format: Json | undefined): Json | undefined {
  return format?.['type'] === 'json_schema'
    ? { ...format, json_schema: { name: 'response', ...(format['json_schema'] as Json) } }
    : format
}

function plainOpenAiMessage(message: Json): Json {
  const { annotations: _annotations, refusal, cache_control, ...rest } = message
  const details = (message['reasoning_details'] ?? []) as Json[]
  const { reasoning_content, reasoning, reasoning_details: _details, ...others } = rest
  const told = details.map((one) => one['text'] ?? one['summary'] ?? '').join('')
  const untold = reasoning_content ?? reasoning ?? ''
  const thought = told === '' ? untold : told
  const isAssistant = message['role'] === 'assistant'
  const parts = partsOf(message['content'], isAssistant)
  if (typeof refusal === 'string' && refusal !== '') parts.push({ type: 'refusal', refusal })
  const last = parts.at(-1)
  if (cache_control && last && message['role'] !== 'tool') last['cache_control'] = cache_control
  if (message['role'] === 'tool') return { ...others, content: parts, cache_control }
  return {
    ...others,
    content: parts,
    reasoning: thought === '' && details.length === 0 ? undefined : thought,
    signatures: details.flatMap((one) => one['signature'] ?? one['data'] ?? []),
    tool_calls: ((message['tool_calls'] ?? []) as Json[]).map(({ index: _index, ...call }) => call),
  }
}

function partsOf(content: unknown, isAssistant: boolean): Json[] {
  if (content === null || content === undefined || (content === '' && isAssistant)) return []
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  return (content as Json[]).map((part) => {
    const { prompt_cache_breakpoint: breakpoint, ...rest } = part
    const image = part['image_url']
    return {
      ...rest,
      ...(typeof image === 'string' ? { image_url: { url: image } } : {}),
      ...(breakpoint ? { cache_control: { type: 'ephemeral' } } : {}),
    }
  })
}

export function toAnthropic(request: CanonicalRequest): Json {
  const { sampling, reasoning, toolChoice } = request
  const own = request.extensions?.['anthropic-messages']
  const system = request.messages.filter((message) => message.role === 'system')
  const choices: Json = { required: 'any' }
  return {
    ...own,
    model: request.model,
    system: system.flatMap((message) => message.content.map(anthropicBlock)),
    messages: request.messages
      .filter((message) => message.role !== 'system')
      .map(({ role, content }) => ({ role, content: content.map(anthropicBlock) })),
    tools: request.tools?.map(anthropicTool),
    tool_choice: toolChoice && {
      ...toolChoice,
      type: choices[toolChoice.type] ?? toolChoice.type,
      disable_parallel_tool_use:
        request.parallelToolCalls === undefined ? undefined : !request.parallelToolCalls,
    },
    thinking: anthropicThinking(reasoning),
    output_config: {
      ...(own?.['output_config'] as Json | undefined),
      effort: reasoning?.effort,
      format:
        request.responseFormat?.type === 'jsonSchema'
          ? { type: 'json_schema', schema: request.responseFormat.schema }
          : undefined,
    },
    max_tokens: request.maxOutputTokens,
    stop_sequences: request.stop,
    temperature: sampling.temperature,
    top_p: sampling.topP,
    top_k: sampling.topK,
    metadata: request.userId === undefined ? undefined : { user_id: request.userId },
    service_tier: request.serviceTier,
    stream: request.stream,
  }
}

function anthropicThinking(reasoning: CanonicalRequest['reasoning']): Json | undefined {
  if (reasoning?.enabled === undefined) return undefined
  if (!reasoning.enabled) return { type: 'disabled' }
  const display =
    reasoning.hidden === undefined ? undefined : reasoning.hidden ? 'omitted' : 'summarized'
  if (reasoning.adaptive === true) return { type: 'adaptive', display }
  return { type: 'enabled', budget_tokens: reasoning.budgetTokens, display }
}

function anthropicTool(tool: Tool): unknown {
  if (tool.kind === 'native') return tool.raw.value
  const { name, description, parameters, strict, extensions } = tool
  const own = extensions?.value as Json | undefined
  return {
    ...own,
    name,
    description,
    input_schema: parameters,
    strict,
    cache_control: mark(tool.cache),
  }
}

function anthropicBlock(block: Block): unknown {
  switch (block.type) {
    case 'text': {
      const citations = block.citations?.map((citation) => citation.raw?.value)
      return { type: 'text', text: block.text, citations, cache_control: mark(block.cache) }
    }
    case 'image':
      return {
        type: 'image',
        source: anthropicSource(block.source),
        cache_control: mark(block.cache),
      }
    case 'file':
      return {
        type: 'document',
        source: anthropicSource(block.source),
        title: block.name,
        context: block.context,
        citations: block.citations === undefined ? undefined : { enabled: block.citations },
        cache_control: mark(block.cache),
      }
    case 'reasoning':
      return block.redacted === undefined
        ? { type: 'thinking', thinking: block.text, signature: block.signature }
        : { type: 'redacted_thinking', data: block.redacted }
    case 'toolCall':
      return {
        type: 'tool_use',
        id: block.id,
        name: block.name,
        input: JSON.parse(block.arguments),
        cache_control: mark(block.cache),
      }
    case 'toolResult':
      return {
        type: 'tool_result',
        tool_use_id: block.toolCallId,
        content: block.content.map(anthropicBlock),
        is_error: block.isError,
        cache_control: mark(block.cache),
      }
    case 'opaque':
      return block.raw.value
    default:
      throw new Error(block.type)
  }
}

function anthropicSource(source: MediaSource): Json {
  switch (source.kind) {
    case 'url':
      return { type: 'url', url: source.url }
    case 'base64':
      return { type: 'base64', media_type: source.mediaType, data: source.data }
    case 'id':
      return { type: 'file', file_id: source.id }
    case 'text':
      return { type: 'text', media_type: source.mediaType, data: source.text }
  }
}

/** A recorded body in the one spelling that `toAnthropic` writes. */
export function plainAnthropic(body: Json): Json {
  const { system, output_format, ...rest } = body
  const config = body['output_config'] as Json | undefined
  return {
    ...rest,
    system: system === undefined ? [] : blocksOf(system),
    messages: (body['messages'] as Json[]).map((message) => ({
      ...message,
      content: blocksOf(message['content']),
    })),
    output_config: { ...config, format: config?.['format'] ?? output_format },
    stream: body['stream'] ?? false,
  }
}

function blocksOf(content: unknown): Json[] {
  if (content === undefined || content === null) return []
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  return (content as Json[]).map((block) => {
    if (block['type'] === 'tool_result') return { ...block, content: blocksOf(block['content']) }
    const citations = block['citations']
    return Array.isArray(citations) && citations.length === 0
      ? { ...block, citations: undefined }
      : block
  })
}
