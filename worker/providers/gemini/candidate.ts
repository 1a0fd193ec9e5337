import type { CanonicalEvent, ChoiceFinish, TokenLogprob } from '../../canonical/events.ts'
import type { JsonObject } from '../../canonical/request.ts'
import { listOf, numberOf, objectOf, objectsOf, stringOf, textOf } from '../json-values.ts'
import { citationsOf, groundingOf } from './citations.ts'
import { type Ending, endingOf } from './finish.ts'
import { PartialArguments } from './partial-arguments.ts'

interface OpenCall {
  readonly index: number
  readonly arguments: PartialArguments
}

/** One of the answers that are being streamed. */
export class Candidate {
  readonly choice: number
  readonly #callIdPrefix: string
  /** All text so far: positions of citations are converted against it. */
  #text = ''
  #ending: Ending | undefined
  #calls = 0
  #openCall: OpenCall | undefined
  /** Counts signatures: reasoning after one is another block. */
  #reasoningBlock = 0
  /** Proof of a part that is not reasoning; kept back so that citations of the text still find it open. */
  #heldSignature: string | undefined
  #grounding: JsonObject | undefined
  #searches = 0

  constructor(choice: number, callIdPrefix: string) {
    this.choice = choice
    this.#callIdPrefix = callIdPrefix
  }

  /** Searches that Google ran for this answer. */
  get searches(): number {
    return this.#searches
  }

  get isFinished(): boolean {
    return this.#ending !== undefined
  }

  /** Reads what one chunk brings for this candidate. */
  read(candidate: JsonObject, out: CanonicalEvent[]): void {
    const before = out.length
    const logprobs = logprobsOf(candidate)
    for (const part of objectsOf(objectOf(candidate['content'])?.['parts']))
      this.#readPart(part, out)
    if (logprobs !== undefined) attach(logprobs, this.choice, before, out)
    const saidMore = out.length > before
    const citations = objectOf(candidate['citationMetadata'])
    if (citations !== undefined)
      for (const citation of citationsOf(citations, this.#text))
        out.push({ type: 'citation', choice: this.choice, citation })
    const grounding = objectOf(candidate['groundingMetadata'])
    // Later metadata repeats and completes earlier; some chunks carry it empty.
    if (objectsOf(grounding?.['groundingChunks']).length > 0) this.#grounding = grounding
    const queries = listOf(grounding?.['webSearchQueries']).filter((query) => query !== '')
    this.#searches = Math.max(this.#searches, queries.length)
    // Content after a finish reason takes it back: with code execution one stream says STOP twice
    // (corpus gemini/chat/stream-two-terminal-stream-unicode-answer-after-the-first-finis-959172).
    const ending = endingOf(candidate['finishReason'])
    if (ending !== undefined || saidMore) this.#ending = ending
  }

  /** Says what waited for the end, and how this candidate ended. */
  finish(out: CanonicalEvent[]): ChoiceFinish {
    this.#closeCall(out)
    if (this.#grounding !== undefined)
      for (const citation of groundingOf(this.#grounding, this.#text))
        out.push({ type: 'citation', choice: this.choice, citation })
    this.#releaseSignature(out)
    const ending = this.#ending ?? { reason: 'other' }
    const reason = ending.reason === 'stop' && this.#calls > 0 ? 'toolCalls' : ending.reason
    return { choice: this.choice, ...ending, reason }
  }

  #readPart(part: JsonObject, out: CanonicalEvent[]): void {
    const text = stringOf(part['text'])
    const signature = textOf(part['thoughtSignature'])
    const call = objectOf(part['functionCall'])
    if (call !== undefined) {
      this.#releaseSignature(out)
      this.#readCall(call, signature, out)
    } else if (text !== undefined && part['thought'] === true) {
      this.#releaseSignature(out)
      this.#reasoning(text, signature, out)
    } else if (text !== undefined) {
      if (text !== '') {
        this.#releaseSignature(out)
        this.#text += text
        out.push({ type: 'text', choice: this.choice, text })
      }
      this.#holdSignature(signature, out)
    } else {
      this.#readOther(part, signature, out)
    }
  }

  /** Media become media; code, its results and Google's own tool calls stay as they are. */
  #readOther(part: JsonObject, signature: string | undefined, out: CanonicalEvent[]): void {
    const media = part['thought'] === true ? undefined : mediaOf(part)
    if (media !== undefined) {
      this.#releaseSignature(out)
      out.push({ type: 'media', choice: this.choice, ...media })
      this.#holdSignature(signature, out)
    } else if (Object.keys(part).some((key) => key !== 'thought' && key !== 'thoughtSignature')) {
      this.#releaseSignature(out)
      out.push({ type: 'opaque', choice: this.choice, raw: { wire: 'gemini', value: part } })
    } else this.#holdSignature(signature, out)
  }

  /** A call comes whole, or opens with its name and is completed by nameless parts until one does not say `willContinue`. */
  #readCall(call: JsonObject, signature: string | undefined, out: CanonicalEvent[]): void {
    const name = textOf(call['name'])
    if (name !== undefined) {
      this.#closeCall(out)
      const index = this.#calls++
      out.push({
        type: 'toolCallStart',
        choice: this.choice,
        index,
        id: textOf(call['id']) ?? `${this.#callIdPrefix}${index}`,
        name,
        ...(signature === undefined ? {} : { signature }),
      })
      this.#openCall = { index, arguments: new PartialArguments(objectOf(call['args'])) }
    }
    this.#openCall?.arguments.apply(call['partialArgs'])
    if (call['willContinue'] !== true) this.#closeCall(out)
  }

  #closeCall(out: CanonicalEvent[]): void {
    const open = this.#openCall
    if (open === undefined) return
    this.#openCall = undefined
    const text = open.arguments.toJson()
    out.push({ type: 'toolCallArguments', choice: this.choice, index: open.index, text })
  }

  #reasoning(text: string, signature: string | undefined, out: CanonicalEvent[]): void {
    if (text === '' && signature === undefined) return
    out.push({
      type: 'reasoning',
      choice: this.choice,
      text,
      block: this.#reasoningBlock,
      ...(signature === undefined ? {} : { signature, wire: 'gemini' as const }),
    })
    if (signature !== undefined) this.#reasoningBlock += 1
  }

  #holdSignature(signature: string | undefined, out: CanonicalEvent[]): void {
    if (signature === undefined) return
    this.#releaseSignature(out)
    this.#heldSignature = signature
  }

  /** A signature on text or on an image has no block of its own: it becomes reasoning without text. */
  #releaseSignature(out: CanonicalEvent[]): void {
    const signature = this.#heldSignature
    if (signature === undefined) return
    this.#heldSignature = undefined
    // Thinking may stand right before it: its block is over.
    this.#reasoningBlock += 1
    this.#reasoning('', signature, out)
  }
}

type Media = Pick<Extract<CanonicalEvent, { type: 'media' }>, 'kind' | 'mediaType' | 'data' | 'url'>

function mediaOf(part: JsonObject): Media | undefined {
  const inline = objectOf(part['inlineData'])
  const file = objectOf(part['fileData'])
  const mediaType = textOf(inline?.['mimeType'] ?? file?.['mimeType'])
  const kind = mediaType?.startsWith('image/')
    ? ('image' as const)
    : mediaType?.startsWith('audio/')
      ? ('audio' as const)
      : undefined
  if (kind === undefined || mediaType === undefined) return undefined
  const data = textOf(inline?.['data'])
  if (data !== undefined) return { kind, mediaType, data }
  const url = textOf(file?.['fileUri'])
  return url === undefined ? undefined : { kind, mediaType, url }
}

/** `logprobsResult`: the chosen tokens, and for each step the likeliest ones. */
function logprobsOf(candidate: JsonObject): readonly TokenLogprob[] | undefined {
  const result = objectOf(candidate['logprobsResult'])
  const chosen = objectsOf(result?.['chosenCandidates'])
  if (chosen.length === 0) return undefined
  const steps = objectsOf(result?.['topCandidates'])
  return chosen.map((token, position) => {
    const top = objectsOf(steps[position]?.['candidates']).map(tokenOf)
    return { ...tokenOf(token), ...(top.length === 0 ? {} : { top }) }
  })
}

function tokenOf(token: JsonObject): Omit<TokenLogprob, 'top'> {
  return {
    token: stringOf(token['token']) ?? '',
    logprob: numberOf(token['logProbability']) ?? 0,
  }
}

/** Puts the probabilities of a chunk on its first text, or on an empty one where it has none. */
function attach(
  logprobs: readonly TokenLogprob[],
  choice: number,
  from: number,
  out: CanonicalEvent[],
): void {
  const position = out.findIndex((event, index) => index >= from && event.type === 'text')
  const event = out[position]
  if (event?.type === 'text') out[position] = { ...event, logprobs }
  else out.push({ type: 'text', choice, text: '', logprobs })
}
