import { errorOfFailure } from '../../canonical/errors.ts'
import type { CanonicalEvent, ChoiceFinish, TokenLogprob } from '../../canonical/events.ts'
import type { JsonObject } from '../../canonical/request.ts'
import { mergeUsage, type Usage } from '../../canonical/usage.ts'
import type { RenderContext, StreamRenderer } from '../dialect.ts'
import { costComment, json, quote } from '../shared/sse.ts'
import { ChoiceState } from './choice-state.ts'
import { renderStreamError } from './errors.ts'
import { finishReason } from './finish.ts'
import { renderUsage } from './usage.ts'
import { renderAudio, renderImage, renderLogprobs } from './wire-parts.ts'

type EventOf<Type extends CanonicalEvent['type']> = Extract<CanonicalEvent, { type: Type }>

/**
 * Writes `chat.completion.chunk` events, after `CreateChatCompletionStreamResponse`.
 *
 * Thinking goes out as `reasoning_content` (LangChain, DeepSeek's clients) and
 * as `reasoning` (OpenRouter's clients); `@ai-sdk/openai-compatible` reads the
 * first of the two. The proof of a thought follows it in `reasoning_details`.
 */
export class ChatStreamRenderer implements StreamRenderer {
  readonly #context: RenderContext
  readonly #choices: ChoiceState[] = []
  #usage: Usage | undefined
  /** Everything before and after the `choices` of a chunk; made at the first chunk. */
  #head = ''
  #tail = ''
  /** The same around a text of choice 0, which is nearly every chunk. */
  #textHead = ''
  #textTail = ''
  #start: EventOf<'start'> | undefined
  readonly #customCalls = new Set<string>()

  constructor(context: RenderContext) {
    this.#context = context
  }

  render(event: CanonicalEvent): string {
    switch (event.type) {
      case 'text':
        return this.#text(event)
      case 'start':
        this.#start ??= event
        return ''
      case 'usage':
        this.#usage = mergeUsage(this.#usage, event.usage)
        return ''
      case 'finish':
        return this.#finish(event.choices)
      case 'failure':
        return renderStreamError(errorOfFailure(event.failure))
      default:
        return this.#open(event.choice) + this.#other(event)
    }
  }

  #text(event: EventOf<'text'>): string {
    const opening = this.#open(event.choice)
    const before = this.#choice(event.choice).addText(event.text, event.block)
    const cited = before === null ? '' : this.#delta(event.choice, before)
    if (event.choice === 0 && event.logprobs === undefined)
      return opening + cited + this.#textHead + quote(event.text) + this.#textTail
    const logprobs = renderChoiceLogprobs('content', event.logprobs)
    return opening + cited + this.#delta(event.choice, { content: event.text }, logprobs)
  }

  #other(
    event: Exclude<CanonicalEvent, { type: 'text' | 'start' | 'usage' | 'finish' | 'failure' }>,
  ): string {
    const state = this.#choice(event.choice)
    switch (event.type) {
      case 'reasoning': {
        const delta = state.addThought(event)
        return Object.keys(delta).length === 0 ? '' : this.#delta(event.choice, delta)
      }
      case 'toolCallStart':
        return this.#delta(event.choice, this.#callStart(event))
      case 'toolCallArguments':
        return this.#delta(event.choice, this.#callArguments(event))
      case 'refusal': {
        state.hasRefusal = true
        const logprobs = renderChoiceLogprobs('refusal', event.logprobs)
        return this.#delta(event.choice, { refusal: event.text }, logprobs)
      }
      case 'citation': {
        const before = state.addCitation(event.citation, event.block)
        return before === null ? '' : this.#delta(event.choice, before)
      }
      case 'media':
        return this.#delta(
          event.choice,
          event.kind === 'audio'
            ? { audio: renderAudio(event) }
            : { images: [renderImage(event, state.images++)] },
        )
      case 'opaque':
        // Parts of this format that have no canonical kind; a client has no place for the blocks of another.
        return event.raw.wire === 'openai-chat'
          ? this.#delta(event.choice, { content_parts: [event.raw.value] })
          : ''
    }
  }

  #callStart(event: EventOf<'toolCallStart'>): JsonObject {
    const { index, id, name, custom, signature } = event
    if (this.#context.legacyFunctions === true) return { function_call: { name, arguments: '' } }
    if (custom === true) this.#customCalls.add(callKey(event))
    const called =
      custom === true
        ? { type: 'custom', custom: { name, input: '' } }
        : { type: 'function', function: { name, arguments: '' } }
    // As Google's OpenAI-compatible API does; `@ai-sdk/openai-compatible` sends it back.
    const signed =
      signature === undefined ? {} : { extra_content: { google: { thought_signature: signature } } }
    return { tool_calls: [{ index, id, ...called, ...signed }] }
  }

  #callArguments(event: EventOf<'toolCallArguments'>): JsonObject {
    const { index, text } = event
    if (this.#context.legacyFunctions === true) return { function_call: { arguments: text } }
    const piece = this.#customCalls.has(callKey(event))
      ? { custom: { input: text } }
      : { function: { arguments: text } }
    return { tool_calls: [{ index, ...piece }] }
  }

  #finish(finishes: readonly ChoiceFinish[]): string {
    let out = ''
    for (const finish of finishes) {
      out += this.#open(finish.choice)
      const state = this.#choice(finish.choice)
      const cited = state.closeBlock()
      if (cited !== null) out += this.#delta(finish.choice, cited)
      const legacy = this.#context.legacyFunctions === true
      const word = finishReason(finish.reason, state.hasRefusal, legacy)
      out += this.#delta(finish.choice, {}, null, word)
    }
    return out + this.#end()
  }

  #end(): string {
    const usage = this.#usage
    const { includeUsage, includeCost } = this.#context
    const cost = usage === undefined ? null : this.#context.costUsd(usage)
    const counts = includeUsage || includeCost ? renderUsage(usage) : undefined
    let out = ''
    if (counts !== undefined) {
      const told = includeCost && cost !== null ? { ...counts, cost } : counts
      out += `${this.#envelope()}"choices":[],"usage":${json(told)}}\n\n`
    }
    return `${out}data: [DONE]\n\n${costComment(cost)}`
  }

  #choice(index: number): ChoiceState {
    return (this.#choices[index] ??= new ChoiceState())
  }

  /** The first chunk of a choice carries the role, and nothing else. */
  #open(index: number): string {
    const state = this.#choice(index)
    if (state.opened) return ''
    state.opened = true
    if (this.#head === '') this.#prepare()
    return this.#delta(index, { role: 'assistant', content: '', refusal: null })
  }

  #prepare(): void {
    this.#head = `${this.#envelope()}"choices":[{"index":`
    const usage = this.#context.includeUsage ? ',"usage":null' : ''
    this.#tail = `}]${usage}}\n\n`
    this.#textHead = `${this.#head}0,"delta":{"content":`
    this.#textTail = `},"logprobs":null,"finish_reason":null${this.#tail}`
  }

  #envelope(): string {
    const { requestId, model, nowS } = this.#context
    const id = quote(this.#start?.id ?? requestId)
    const created = this.#start?.createdS ?? nowS
    const name = quote(this.#start?.model ?? model)
    return `data: {"id":${id},"object":"chat.completion.chunk","created":${created},"model":${name},`
  }

  #delta(
    choice: number,
    delta: JsonObject,
    logprobs: JsonObject | null = null,
    finish: string | null = null,
  ): string {
    const rest = `"logprobs":${json(logprobs)},"finish_reason":${json(finish)}`
    return `${this.#head}${choice},"delta":${json(delta)},${rest}${this.#tail}`
  }
}

function callKey({ choice, index }: { readonly choice: number; readonly index: number }): string {
  return `${choice}.${index}`
}

function renderChoiceLogprobs(
  field: 'content' | 'refusal',
  logprobs: readonly TokenLogprob[] | undefined,
): JsonObject | null {
  if (logprobs === undefined) return null
  return { content: null, refusal: null, [field]: renderLogprobs(logprobs) }
}
