import type { Choice, Finish } from '../ask.ts'
import { commentFrame, dataFrame, doneFrame, idOf } from '../frames.ts'
import type { Json, JsonObject } from '../json.ts'
import { compact, numberOr, objectOr } from '../json.ts'
import type { Frame, Writing } from '../wire.ts'

const finishReasons: Readonly<Record<Finish, string>> = {
  stop: 'stop',
  'stop-sequence': 'stop',
  length: 'length',
  'tool-calls': 'tool_calls',
  refusal: 'stop',
}

const citations = ['https://example.com/simulated-source']

export function usageJson(writing: Writing): JsonObject {
  const { tokens } = writing.answer
  const isOpenRouter = writing.vendor.id === 'openrouter'
  return compact({
    prompt_tokens: tokens.input,
    completion_tokens: tokens.output,
    total_tokens: tokens.input + tokens.output,
    prompt_tokens_details: { cached_tokens: tokens.cacheRead, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: tokens.reasoning, audio_tokens: 0 },
    prompt_cache_hit_tokens: writing.vendor.id === 'deepseek' ? tokens.cacheRead : undefined,
    cost: isOpenRouter ? (tokens.input + 5 * tokens.output) / 1e6 : undefined,
  })
}

/** The whole answer as one `chat.completion`. */
export function completionJson(writing: Writing): JsonObject {
  return compact({
    ...head(writing, 'chat.completion'),
    choices: writing.answer.choices.map((choice, index) => ({
      index,
      message: messageJson(writing, choice),
      logprobs: asksForLogprobs(writing) ? logprobsJson(writing, choice.text) : null,
      finish_reason: finishReason(writing, choice),
    })),
    usage: writing.withUsage ? usageJson(writing) : undefined,
    x_groq:
      writing.vendor.id === 'groq' ? { id: idOf('req_', writing.sequence, 0, 12) } : undefined,
  })
}

function messageJson(writing: Writing, choice: Choice): JsonObject {
  const text = choice.text.join('')
  const isRefusal = hasRefusalField(writing) && choice.finish === 'refusal'
  const calls = choice.toolCalls.map((call) => ({
    id: call.id,
    type: 'function',
    function: { name: call.name, arguments: call.pieces.join('') },
  }))
  return compact({
    role: 'assistant',
    content: isRefusal || calls.length > 0 ? null : text,
    ...reasoningFields(writing, choice.reasoning),
    tool_calls: calls.length > 0 ? calls : undefined,
    refusal: hasRefusalField(writing) ? (isRefusal ? text : null) : undefined,
  })
}

function hasRefusalField(writing: Writing): boolean {
  return writing.vendor.strict === true
}

function finishReason(writing: Writing, choice: Choice): string {
  const isFiltered = choice.finish === 'refusal' && !hasRefusalField(writing)
  return isFiltered ? 'content_filter' : finishReasons[choice.finish]
}

function reasoningFields(writing: Writing, pieces: readonly string[]): JsonObject {
  const field = writing.vendor.reasoningField
  if (field === undefined || pieces.length === 0) return {}
  const text = pieces.join('')
  if (writing.vendor.id !== 'openrouter') return { [field]: text }
  const details = [{ type: 'reasoning.text', text, index: 0, format: null }]
  return { [field]: text, reasoning_details: details }
}

function head(writing: Writing, object: string): JsonObject {
  const { vendor, ask, sequence, createdS } = writing
  return compact({
    id: idOf('chatcmpl-', sequence, 0, 24),
    object,
    created: createdS,
    model: ask.model,
    system_fingerprint: vendor.strict === true ? 'fp_simulated' : undefined,
    service_tier: vendor.id === 'openai' ? 'default' : undefined,
    provider: vendor.id === 'openrouter' ? 'Simulator' : undefined,
    citations: vendor.id === 'perplexity' ? citations : undefined,
  })
}

function asksForLogprobs(writing: Writing): boolean {
  return writing.call.body['logprobs'] === true
}

/** Logprobs fall with the token's length, so that they are stable and differ. */
function logprobsJson(writing: Writing, pieces: readonly string[]): JsonObject {
  const top = numberOr(writing.call.body['top_logprobs'], 0)
  const entry = (token: string, rank: number): JsonObject => ({
    token,
    logprob: -0.01 * token.length - rank,
    bytes: [...new TextEncoder().encode(token)],
  })
  return {
    content: pieces.map((token) => ({
      ...entry(token, 0),
      top_logprobs: Array.from({ length: top }, (_, rank) =>
        entry(rank === 0 ? token : `${token}~${rank}`, rank),
      ),
    })),
    refusal: null,
  }
}

/** Writes the chunks of one streamed answer and counts, for vendors that repeat usage, what they carried. */
class ChunkWriter {
  readonly frames: Frame[] = []
  readonly #writing: Writing
  #generated = 0

  constructor(writing: Writing) {
    this.#writing = writing
  }

  delta(index: number, delta: JsonObject, tokens: number, logprobs: Json = null): void {
    this.#generated += tokens
    const choice = { index, delta, logprobs, finish_reason: null }
    this.frames.push(dataFrame({ ...this.#chunk(choice), ...this.#runningUsage() }, { tokens }))
  }

  finish(index: number, choice: Choice): void {
    const { vendor, withUsage } = this.#writing
    const finish = {
      index,
      delta: {},
      logprobs: null,
      finish_reason: finishReason(this.#writing, choice),
    }
    const chunk = this.#chunk(finish)
    const isLast = index === this.#writing.answer.choices.length - 1
    const usage = usageJson(this.#writing)
    const carriesUsage = withUsage && isLast && ['finish', 'each'].includes(vendor.usage ?? '')
    const more = carriesUsage ? { usage } : this.#runningUsage()
    const groq =
      carriesUsage && vendor.id === 'groq' ? { x_groq: { id: chunk['id'] ?? '', usage } } : {}
    const object = vendor.withoutDone === true ? { object: 'chat.completion.done' } : {}
    const mark = vendor.withoutDone === true && isLast ? 'end' : 'finish'
    this.frames.push(dataFrame({ ...chunk, ...object, ...more, ...groq }, { mark }))
  }

  usage(): void {
    const { vendor } = this.#writing
    const choices =
      vendor.usage === 'always'
        ? [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }]
        : []
    const chunk = { ...head(this.#writing, 'chat.completion.chunk'), choices }
    this.frames.push(dataFrame({ ...chunk, usage: usageJson(this.#writing) }, { mark: 'finish' }))
  }

  #chunk(choice: JsonObject): JsonObject {
    return { ...head(this.#writing, 'chat.completion.chunk'), choices: [choice] }
  }

  /** Perplexity repeats what it has counted so far on every chunk; OpenAI says null until the last. */
  #runningUsage(): JsonObject {
    const { vendor, withUsage, answer } = this.#writing
    if (!withUsage) return {}
    if (vendor.usage !== 'each') return wantsUsage(this.#writing) ? { usage: null } : {}
    const prompt = answer.tokens.input
    return {
      usage: {
        prompt_tokens: prompt,
        completion_tokens: this.#generated,
        total_tokens: prompt + this.#generated,
      },
    }
  }
}

function wantsUsage(writing: Writing): boolean {
  const { vendor, call } = writing
  if (vendor.usage === 'always') return true
  return vendor.usage === 'asked' && objectOr(call.body['stream_options'])['include_usage'] === true
}

/** The answer as `chat.completion.chunk` events. */
export function completionFrames(writing: Writing): Frame[] {
  const writer = new ChunkWriter(writing)
  const { vendor, answer } = writing
  if (vendor.id === 'openrouter') writer.frames.push(commentFrame('OPENROUTER PROCESSING'))
  for (const [index, choice] of answer.choices.entries())
    writeChoice(writer, writing, choice, index)
  for (const [index, choice] of answer.choices.entries()) writer.finish(index, choice)
  if (writing.withUsage && wantsUsage(writing)) writer.usage()
  if (vendor.withoutDone !== true) writer.frames.push(doneFrame())
  return writer.frames
}

function writeChoice(writer: ChunkWriter, writing: Writing, choice: Choice, index: number): void {
  const refuses = hasRefusalField(writing) && choice.finish === 'refusal'
  const opening = compact({
    role: 'assistant',
    content: choice.toolCalls.length > 0 || refuses ? null : '',
    refusal: hasRefusalField(writing) ? null : undefined,
  })
  // OpenAI tells of reasoning by its token count alone, so its tokens are generated before the first chunk.
  const isHidden = writing.vendor.reasoningField === undefined
  writer.delta(index, opening, isHidden ? choice.reasoning.length : 0)
  for (const piece of choice.reasoning) {
    const fields = reasoningFields(writing, [piece])
    if (Object.keys(fields).length > 0) writer.delta(index, fields, 1)
  }
  for (const piece of choice.text) {
    const logprobs = asksForLogprobs(writing) ? logprobsJson(writing, [piece]) : null
    writer.delta(index, refuses ? { refusal: piece } : { content: piece }, 1, logprobs)
  }
  for (const [place, call] of choice.toolCalls.entries()) {
    const whole = writing.vendor.wholeArguments === true
    const first = whole ? call.pieces.join('') : ''
    const opened = {
      index: place,
      id: call.id,
      type: 'function',
      function: { name: call.name, arguments: first },
    }
    writer.delta(index, { tool_calls: [opened] }, whole ? 1 + call.pieces.length : 1)
    if (whole) continue
    for (const piece of call.pieces) {
      writer.delta(index, { tool_calls: [{ index: place, function: { arguments: piece } }] }, 1)
    }
  }
}
