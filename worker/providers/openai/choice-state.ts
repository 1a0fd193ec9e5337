import { keepSpecimen } from '../../canonical/specimens.ts'
import type { CanonicalEvent, ChoiceFinish } from '../../canonical/events.ts'
import { decodeAnnotations } from './citations.ts'
import { finishOf } from './finish.ts'
import { decodeLogprobs, decodeTokenLists } from './logprobs.ts'
import { audioEvents, imageEvents } from './media.ts'
import { decodeReasoningDetails, type ReasoningProof } from './reasoning-details.ts'
import { ToolCallAssembler } from './tool-call-assembler.ts'
import { listOf, objectOf, textOf, type WireChoice, type WireMessagePart } from './wire.ts'

/** What one choice of an answer has come to so far. */
export class ChoiceState {
  readonly #choice: number
  readonly #content: 'delta' | 'message'
  readonly #toolCallsOverStop: boolean
  readonly #calls: ToolCallAssembler
  #finishWord: string | undefined
  #hasPart = false
  #reasoningBlock = 0
  /** The last thought has no proof yet. */
  #isThinking = false

  /** `content` names the field to read: Perplexity sends both in both forms, one of them empty or repeated. */
  constructor(choice: number, content: 'delta' | 'message', toolCallsOverStop: boolean) {
    this.#choice = choice
    this.#content = content
    this.#toolCallsOverStop = toolCallsOverStop
    this.#calls = new ToolCallAssembler(choice)
  }

  /** Says nothing and is no answer: only a filter ends one so. */
  get isHollow(): boolean {
    return !this.#hasPart && this.#finishWord !== 'content_filter'
  }

  get hasFinish(): boolean {
    return this.#finishWord !== undefined
  }

  /** Reads one chunk's choice (or a whole answer's): thinking, then text, then calls, as models produce them. */
  add(wire: WireChoice, responseId: string, out: CanonicalEvent[]): void {
    const part =
      objectOf<WireMessagePart>(wire[this.#content]) ??
      objectOf<WireMessagePart>(wire.delta ?? wire.message)
    if (part !== null) {
      this.#hasPart = true
      this.#part(part, wire.logprobs, responseId, out)
    }
    const word = textOf(wire.finish_reason)
    if (word === undefined) return
    this.#finishWord = word
    this.#calls.close(responseId, out)
  }

  close(responseId: string, out: CanonicalEvent[]): ChoiceFinish {
    this.#calls.close(responseId, out)
    return finishOf(this.#choice, this.#finishWord, this.#calls.hasCalls, this.#toolCallsOverStop)
  }

  #part(part: WireMessagePart, logprobs: unknown, responseId: string, out: CanonicalEvent[]): void {
    this.#reasoning(part, out)
    this.#text(part, logprobs, out)
    this.#refusal(part, logprobs, out)
    for (const citation of decodeAnnotations(part.annotations))
      out.push({ type: 'citation', choice: this.#choice, citation })
    audioEvents(part.audio, this.#choice, out)
    imageEvents(part.images, this.#choice, out)
    this.#calls.addToolCalls(part.tool_calls, responseId, out)
    if (part.function_call !== undefined && part.function_call !== null)
      this.#calls.addFunctionCall(part.function_call, responseId, out)
  }

  /** Vendors who send several of the three forms send the same thinking in each (corpus doubleword/chat/*): the first counts. */
  #reasoning(part: WireMessagePart, out: CanonicalEvent[]): void {
    const details = decodeReasoningDetails(part.reasoning_details)
    const text = textOf(part.reasoning_content) ?? textOf(part.reasoning) ?? details.text
    if (text !== '' || details.signed !== undefined) this.#pushReasoning(text, out, details.signed)
    for (const encrypted of details.encrypted) {
      // A block of its own, also after text that has no proof.
      if (this.#isThinking) this.#reasoningBlock += 1
      this.#pushReasoning('', out, encrypted)
    }
  }

  /** What follows a proof is another block: `block` counts them. */
  #pushReasoning(text: string, out: CanonicalEvent[], proof?: ReasoningProof): void {
    out.push({
      type: 'reasoning',
      choice: this.#choice,
      text,
      ...(this.#reasoningBlock === 0 ? {} : { block: this.#reasoningBlock }),
      ...proof,
    })
    this.#isThinking = proof === undefined
    if (proof !== undefined) this.#reasoningBlock += 1
  }

  #text(part: WireMessagePart, logprobs: unknown, out: CanonicalEvent[]): void {
    const tokens =
      decodeLogprobs(objectOf<{ content?: unknown }>(logprobs)?.content) ??
      decodeTokenLists(logprobs)
    const text = typeof part.content === 'string' ? part.content : ''
    if (text !== '' || tokens !== undefined) {
      out.push({
        type: 'text',
        choice: this.#choice,
        text,
        ...(tokens === undefined ? {} : { logprobs: tokens }),
      })
    }
    for (const item of listOf(part.content)) this.#contentPart(item, out)
  }

  /** A part of a content list, as Mistral's models send them behind OpenAI-shaped hosts. */
  #contentPart(item: unknown, out: CanonicalEvent[]): void {
    const choice = this.#choice
    const wire = objectOf<{
      type?: unknown
      text?: unknown
      refusal?: unknown
      thinking?: unknown
    }>(item)
    if (wire === null) {
      if (typeof item === 'string' && item !== '') out.push({ type: 'text', choice, text: item })
      return
    }
    switch (wire.type) {
      case 'text':
      case 'output_text':
        if (textOf(wire.text) !== undefined)
          out.push({ type: 'text', choice, text: String(wire.text) })
        return
      case 'refusal':
        if (textOf(wire.refusal) !== undefined)
          out.push({ type: 'refusal', choice, text: String(wire.refusal) })
        return
      case 'thinking':
      case 'reasoning':
        this.#pushReasoning(thinkingText(wire.thinking ?? wire.text), out)
        return
      case 'image_url':
        imageEvents([wire], choice, out)
        return
      default:
        out.push({ type: 'opaque', choice, raw: { wire: 'openai-chat', value: wire } })
    }
  }

  #refusal(part: WireMessagePart, logprobs: unknown, out: CanonicalEvent[]): void {
    const text = textOf(part.refusal)
    if (text === undefined) return
    const tokens = decodeLogprobs(objectOf<{ refusal?: unknown }>(logprobs)?.refusal)
    out.push({
      type: 'refusal',
      choice: this.#choice,
      text,
      ...(tokens === undefined ? {} : { logprobs: tokens }),
    })
  }
}

function thinkingText(value: unknown): string {
  if (typeof value === 'string') return value
  return listOf(value)
    .map((item) => textOf(objectOf<{ text?: unknown }>(item)?.text) ?? '')
    .join('')
}

keepSpecimen(new ChoiceState(0, 'message', false))
