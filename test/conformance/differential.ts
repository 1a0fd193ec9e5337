import type { ProviderAdapter } from '../../worker/providers/adapter.ts'
import { differences, type Answer, type AnswerFinish, type AnswerPart } from './answer.ts'
import { answerOfEvents } from './canonical-answer.ts'
import { decodeJson, decodeStream, framingOf } from './check-decoding.ts'
import { isStreamed, responseBytes, type RecordedCase } from './corpus.ts'
import { differentialRules, refusalRules } from './exclusions.ts'
import { readRecording } from './oracles/index.ts'
import { otherDecoderFor, readWithOther, refusalText } from './other-decoders.ts'

/** Parts that the other decoders have no field for, or name in their own way. */
const notCompared: readonly AnswerPart[] = [
  'choicesAfterFirst',
  'citations',
  'media',
  'proofs',
  'refusal',
  'stopSequence',
]

/** What a second decoder says of one recording. */
export interface SecondOpinion {
  /** Where both have an answer and the answers differ, and nothing lists it. */
  readonly faults: readonly string[]
  /** What it does not read, and nothing lists: the recording as a whole, or a part that the oracle confirms. */
  readonly unread: readonly string[]
  /** It does not take the recording at all: there was nothing to compare. */
  readonly refused: boolean
}

/**
 * Reads the recorded bytes with the vendor's `@ai-sdk` package too: text, tool
 * calls, finish and usage must be the same. Undefined when no package reads
 * this wire format.
 *
 * Our own reading is judged by the oracle, not here: a package that cannot read
 * a recording, or a part of it, says nothing about us.
 */
export async function checkDifferential(
  recorded: RecordedCase,
  adapter: ProviderAdapter,
): Promise<SecondOpinion | undefined> {
  const bytes = responseBytes(recorded)
  const streamed = isStreamed(recorded)
  const framing = framingOf(adapter, bytes)
  // No `@ai-sdk` package asks for the JSON array form, so none reads it.
  if (framing === 'json-array') return undefined
  const other = otherDecoderFor(recorded, adapter, () =>
    Promise.resolve(
      new Response(Uint8Array.from(bytes), {
        status: 200,
        headers: { 'content-type': streamed ? contentType[framing] : 'application/json' },
      }),
    ),
  )
  if (other === undefined) return undefined
  const events = streamed ? decodeStream(adapter, framing, [bytes]) : decodeJson(adapter, bytes)
  const ours = answerOfEvents(events)
  let theirs: Answer
  try {
    theirs = await readWithOther(other, streamed)
  } catch (error) {
    return refusalOf(recorded.id, other.name, refusalText(error))
  }
  const oracle = readRecording(adapter.wire, recorded.provider, bytes, streamed)
  return compare(recorded, other.name, { ours, theirs, oracle })
}

const contentType = {
  sse: 'text/event-stream',
  'json-lines': 'application/x-ndjson',
  'json-array': 'application/json',
  'aws-event-stream': 'application/vnd.amazon.eventstream',
} as const

/** What it means that `decoder` did not take the recording `id`, and said `text`. */
export function refusalOf(id: string, decoder: string, text: string): SecondOpinion {
  const rule = refusalRules.find((one) => one.decoder === decoder && one.says.test(text))
  return {
    faults: stale(refusalRules, id, rule === undefined ? [] : [rule.name]),
    unread: rule === undefined ? [`${decoder} refuses it: ${text.slice(0, 400)}`] : [],
    refused: true,
  }
}

/** Rules that name `id` as what shows them, and that are not `needed` there. */
function stale(
  rules: readonly { readonly name: string; readonly shownBy: string }[],
  id: string,
  needed: readonly string[],
): string[] {
  return rules
    .filter(({ name, shownBy }) => shownBy === id && !needed.includes(name))
    .map(({ name }) => `agrees, but exclusions.ts lists "${name}" for it`)
}

/** `LanguageModelV4FinishReason` has no words for these. */
function theirWord(finish: AnswerFinish): AnswerFinish {
  const words: Readonly<Partial<Record<AnswerFinish, AnswerFinish>>> = {
    refusal: 'contentFilter',
    pause: 'stop',
    contextWindow: 'length',
  }
  return words[finish] ?? finish
}

/** How many of our call ids stand in the recording. */
function recordedIds(recorded: RecordedCase, ours: Answer): number {
  const text = new TextDecoder().decode(responseBytes(recorded))
  const ids = ours.choices.flatMap(({ toolCalls }) => toolCalls.map(({ id }) => id))
  return ids.filter((id) => id !== undefined && text.includes(JSON.stringify(id))).length
}

interface Readings {
  readonly ours: Answer
  readonly theirs: Answer
  readonly oracle: Answer
}

/** Compares two readings of a recording, under the rules that are listed. */
export function compare(recorded: RecordedCase, decoder: string, all: Readings): SecondOpinion {
  const { ours, theirs, oracle } = all
  const base = new Set(notCompared)
  for (const field of usageFields) {
    // Some write 0 for what was not counted and some nothing for a 0; neither changes a bill.
    const none = (answer: Answer): boolean => (answer.usage[field] ?? 0) === 0
    if (none(ours) && none(theirs)) base.add(`usage.${field}`)
  }
  // Where the recording names no reason, each fills in its own.
  if (oracle.choices.some(({ finish }) => finish === undefined)) base.add('finish')
  // Both make up ids where the wire has none.
  if (recordedIds(recorded, ours) === 0) base.add('toolCallIds')
  const rules = differentialRules.filter(
    ({ decoders, covers }) =>
      (decoders.length === 0 || decoders.includes(decoder)) && covers(recorded, ours, theirs),
  )
  const found = (listed: typeof rules, more: readonly AnswerPart[] = []): string[] =>
    differences(ours, theirs, {
      ignore: new Set([...base, ...more, ...listed.flatMap(({ parts }) => parts)]),
      finish: theirWord,
    })
  const unread = unreadParts(all)
  const faults = found(rules, unread)
  const needed = rules
    .filter((rule) => found(rules.filter((one) => one !== rule)).length > found(rules).length)
    .map(({ name }) => name)
  const without = found(rules).filter((fault) => !faults.includes(fault))
  return {
    faults: [
      ...faults.map((fault) => `${decoder}: ${fault}`),
      ...stale(differentialRules, recorded.id, needed),
      ...stale(refusalRules, recorded.id, []),
    ],
    unread: without.map((fault) => `${decoder} does not read ${fault}`),
    refused: false,
  }
}

const usageFields = ['input', 'output', 'reasoning', 'cacheRead', 'cacheWrite'] as const

/** Parts of which the other decoder has nothing, while ours is what the oracle reads. */
function unreadParts({ ours, theirs, oracle }: Readings): AnswerPart[] {
  const [own, other, right] = [ours, theirs, oracle].map(({ choices }) => choices[0])
  const parts: AnswerPart[] = usageFields.flatMap((field) =>
    theirs.usage[field] === undefined && ours.usage[field] === oracle.usage[field]
      ? [`usage.${field}` as const]
      : [],
  )
  if (other?.reasoning === '' && own?.reasoning === right?.reasoning) parts.push('reasoning')
  return parts
}
