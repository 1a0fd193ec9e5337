import type { CanonicalEvent, ChoiceFinish, FinishReason } from '../../canonical/events.ts'
import type { JsonObject } from '../../canonical/request.ts'
import { listOf, objectOf, objectsOf, stringOf, textOf } from '../json-values.ts'
import { ToolCallAssembler } from '../openai/tool-call-assembler.ts'

/** `error` is not here: it ends the answer as a failure. */
const reasons: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  length: 'length',
  model_length: 'contextWindow',
  tool_calls: 'toolCalls',
}

/** One of the answers, streamed (`delta`) or whole (`message`). */
export class MistralChoice {
  readonly choice: number
  readonly #toolCalls: ToolCallAssembler
  #finishReason: string | undefined

  constructor(choice: number) {
    this.choice = choice
    this.#toolCalls = new ToolCallAssembler(choice)
  }

  /** The provider's word for the end; undefined while the answer goes on. */
  get finishReason(): string | undefined {
    return this.#finishReason
  }

  read(choice: JsonObject, responseId: string, out: CanonicalEvent[]): void {
    const said = objectOf(choice['delta']) ?? objectOf(choice['message'])
    if (said !== undefined) {
      this.#readContent(said['content'], out)
      this.#toolCalls.addToolCalls(said['tool_calls'], responseId, out)
    }
    this.#finishReason = textOf(choice['finish_reason']) ?? this.#finishReason
  }

  finish(responseId: string, out: CanonicalEvent[]): ChoiceFinish {
    this.#toolCalls.close(responseId, out)
    const { choice } = this
    const raw = this.#finishReason
    const reason = reasons[raw ?? ''] ?? 'other'
    if (reason === 'stop' && this.#toolCalls.hasCalls) return { choice, reason: 'toolCalls' }
    return raw === undefined || (reason !== 'other' && reason !== 'contextWindow')
      ? { choice, reason }
      : { choice, reason, raw }
  }

  #readContent(content: unknown, out: CanonicalEvent[]): void {
    const text = stringOf(content)
    if (text !== undefined) this.#text(text, out)
    else for (const chunk of objectsOf(content)) this.#readChunk(chunk, out)
  }

  /** `thinking` holds chunks of its own; what is neither text nor a source stays as it is. */
  #readChunk(chunk: JsonObject, out: CanonicalEvent[]): void {
    const { choice } = this
    switch (chunk['type']) {
      case 'text':
        this.#text(stringOf(chunk['text']) ?? '', out)
        return
      case 'thinking':
        for (const text of thoughts(chunk['thinking']))
          if (text !== '') out.push({ type: 'reasoning', choice, text })
        return
      case 'reference':
      case 'tool_reference': {
        const url = textOf(chunk['url'])
        const title = textOf(chunk['title'])
        const citation = {
          ...(url === undefined ? {} : { url }),
          ...(title === undefined ? {} : { title }),
          raw: { wire: 'mistral' as const, value: chunk },
        }
        out.push({ type: 'citation', choice, citation })
        return
      }
      default:
        out.push({ type: 'opaque', choice, raw: { wire: 'mistral', value: chunk } })
    }
  }

  #text(text: string, out: CanonicalEvent[]): void {
    if (text !== '') out.push({ type: 'text', choice: this.choice, text })
  }
}

function thoughts(value: unknown): readonly string[] {
  const text = stringOf(value)
  if (text !== undefined) return [text]
  return listOf(value).map((one) => stringOf(objectOf(one)?.['text']) ?? '')
}
