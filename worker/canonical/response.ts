import { keepSpecimen } from './specimens.ts'
import type { Block, Citation, Wire } from './blocks.ts'
import type { CanonicalEvent, ChoiceFinish, TokenLogprob } from './events.ts'
import type { Failure } from './failure.ts'
import { mergeUsage, type Usage } from './usage.ts'

/** One whole answer: what a stream of events adds up to. */
export interface CanonicalResponse {
  readonly id?: string
  readonly model?: string
  readonly createdS?: number
  readonly choices: readonly ChoiceResponse[]
  readonly usage?: Usage
}

export interface ChoiceResponse {
  readonly index: number
  readonly content: readonly Block[]
  readonly finish: ChoiceFinish
  readonly logprobs?: readonly TokenLogprob[]
  readonly refusalLogprobs?: readonly TokenLogprob[]
}

export type Collected =
  | { readonly ok: true; readonly response: CanonicalResponse }
  | { readonly ok: false; readonly failure: Failure; readonly partial: CanonicalResponse }

type OpenBlock =
  | { type: 'text'; block: number | undefined; text: string; citations: Citation[] }
  | {
      type: 'reasoning'
      block: number | undefined
      text: string
      signature?: string
      redacted?: string
      wire?: Wire
    }
  | { type: 'refusal'; text: string }
  | {
      type: 'toolCall'
      index: number
      id: string
      name: string
      arguments: string
      custom?: boolean
      signature?: string
    }
  | { type: 'done'; block: Block }

/** Adds events up into an answer. Feed every event of one stream in order, then ask for `result()`. */
export class ResponseCollector {
  #start: Extract<CanonicalEvent, { type: 'start' }> | undefined
  #usage: Usage | undefined
  #finish: readonly ChoiceFinish[] | undefined
  #failure: Failure | undefined
  readonly #choices = new Map<number, OpenChoice>()

  add(event: CanonicalEvent): void {
    switch (event.type) {
      case 'start':
        this.#start ??= event
        return
      case 'usage':
        this.#usage = mergeUsage(this.#usage, event.usage)
        return
      case 'finish':
        this.#finish ??= event.choices
        return
      case 'failure':
        this.#failure ??= event.failure
        return
      default:
        this.#choice(event.choice).add(event)
    }
  }

  /** The answer so far; `ok` only when the stream has come to its `finish`. */
  result(): Collected {
    const response = this.#response()
    if (this.#failure !== undefined) return { ok: false, failure: this.#failure, partial: response }
    if (this.#finish === undefined) {
      return {
        ok: false,
        failure: { class: 'truncated', message: 'the answer ended early' },
        partial: response,
      }
    }
    return { ok: true, response }
  }

  #choice(index: number): OpenChoice {
    let choice = this.#choices.get(index)
    if (choice === undefined) this.#choices.set(index, (choice = new OpenChoice(index)))
    return choice
  }

  #response(): CanonicalResponse {
    const finishes = this.#finish ?? []
    for (const finish of finishes) this.#choice(finish.choice)
    const choices = [...this.#choices.values()]
      .sort((a, b) => a.index - b.index)
      .map((choice) =>
        choice.close(
          finishes.find((finish) => finish.choice === choice.index) ?? {
            choice: choice.index,
            reason: 'other',
          },
        ),
      )
    const { id, model, createdS } = this.#start ?? nothing
    const usage = this.#usage
    // The usual case is a literal of its own: behind a spread each field is a call into the engine's runtime.
    if (id !== undefined && model !== undefined && usage !== undefined && createdS === undefined)
      return { id, model, choices, usage }
    return {
      ...(id === undefined ? {} : { id }),
      ...(model === undefined ? {} : { model }),
      ...(createdS === undefined ? {} : { createdS }),
      choices,
      ...(usage === undefined ? {} : { usage }),
    }
  }
}

const nothing: { readonly id?: string; readonly model?: string; readonly createdS?: number } = {}

type ChoiceEvent = Exclude<CanonicalEvent, { type: 'start' | 'usage' | 'finish' | 'failure' }>

class OpenChoice {
  readonly #blocks: OpenBlock[] = []
  readonly #logprobs: TokenLogprob[] = []
  readonly #refusalLogprobs: TokenLogprob[] = []
  readonly index: number

  constructor(index: number) {
    this.index = index
  }

  add(event: ChoiceEvent): void {
    switch (event.type) {
      case 'text': {
        if (event.logprobs !== undefined) this.#logprobs.push(...event.logprobs)
        this.#text(event.block).text += event.text
        return
      }
      case 'citation':
        this.#text(event.block).citations.push(event.citation)
        return
      case 'reasoning': {
        const block = this.#reasoning(event.block)
        block.text += event.text
        if (event.signature !== undefined)
          block.signature = (block.signature ?? '') + event.signature
        if (event.redacted !== undefined) block.redacted = (block.redacted ?? '') + event.redacted
        if (event.wire !== undefined) block.wire = event.wire
        return
      }
      case 'refusal': {
        if (event.logprobs !== undefined) this.#refusalLogprobs.push(...event.logprobs)
        const last = this.#blocks.at(-1)
        if (last?.type === 'refusal') last.text += event.text
        else this.#blocks.push({ type: 'refusal', text: event.text })
        return
      }
      case 'toolCallStart': {
        const { index, id, name, custom, signature } = event
        this.#blocks.push({
          type: 'toolCall',
          index,
          id,
          name,
          arguments: '',
          ...(custom === undefined ? {} : { custom }),
          ...(signature === undefined ? {} : { signature }),
        })
        return
      }
      case 'toolCallArguments': {
        const call = this.#blocks.find(
          (block) => block.type === 'toolCall' && block.index === event.index,
        )
        if (call?.type === 'toolCall') call.arguments += event.text
        return
      }
      case 'media': {
        const { choice: _choice, ...media } = event
        this.#blocks.push({ type: 'done', block: media })
        return
      }
      case 'opaque':
        this.#blocks.push({ type: 'done', block: { type: 'opaque', raw: event.raw } })
    }
  }

  close(finish: ChoiceFinish): ChoiceResponse {
    const { index } = this
    const content = this.#blocks.map(closeBlock)
    if (this.#logprobs.length === 0 && this.#refusalLogprobs.length === 0)
      return { index, content, finish }
    return {
      index,
      content,
      finish,
      ...(this.#logprobs.length === 0 ? {} : { logprobs: this.#logprobs }),
      ...(this.#refusalLogprobs.length === 0 ? {} : { refusalLogprobs: this.#refusalLogprobs }),
    }
  }

  #text(block: number | undefined): Extract<OpenBlock, { type: 'text' }> {
    const last = this.#blocks.at(-1)
    if (last?.type === 'text' && last.block === block) return last
    const opened = { type: 'text' as const, block, text: '', citations: [] }
    this.#blocks.push(opened)
    return opened
  }

  #reasoning(block: number | undefined): Extract<OpenBlock, { type: 'reasoning' }> {
    const last = this.#blocks.at(-1)
    if (last?.type === 'reasoning' && last.block === block) return last
    const opened: Extract<OpenBlock, { type: 'reasoning' }> = { type: 'reasoning', block, text: '' }
    this.#blocks.push(opened)
    return opened
  }
}

function closeBlock(open: OpenBlock): Block {
  switch (open.type) {
    case 'done':
      return open.block
    case 'text':
      return open.citations.length === 0
        ? { type: 'text', text: open.text }
        : { type: 'text', text: open.text, citations: open.citations }
    case 'reasoning': {
      const { block: _block, ...reasoning } = open
      return reasoning
    }
    case 'refusal':
      return open
    case 'toolCall': {
      const { index: _index, ...call } = open
      return call
    }
  }
}

/** Adds a whole list of events up. */
export function collect(events: Iterable<CanonicalEvent>): Collected {
  const collector = new ResponseCollector()
  for (const event of events) collector.add(event)
  return collector.result()
}

keepSpecimen(new ResponseCollector())
keepSpecimen(new OpenChoice(0))
