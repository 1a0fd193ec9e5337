import type { ProviderAdapter } from '../../worker/providers/adapter.ts'
import { differences, type Answer, type AnswerFinish, type AnswerPart } from './answer.ts'
import { answerOfEvents } from './canonical-answer.ts'
import { decodeJson, decodeStream, framingOf } from './check-decoding.ts'
import { isStreamed, responseBytes, type RecordedCase } from './corpus.ts'
import { differentialCases, differentialRules } from './differential-exclusions.ts'
import { readRecording } from './oracles/index.ts'
import { isRefusal, otherDecoderFor, readWithOther } from './other-decoders.ts'

/** Parts that the other decoders have no field for, or name in their own way. */
const notCompared: readonly AnswerPart[] = [
  'choicesAfterFirst',
  'citations',
  'media',
  'proofs',
  'refusal',
  'stopSequence',
]

/**
 * Reads the recorded bytes with the vendor's `@ai-sdk` package too: text, tool
 * calls, finish and usage must be the same. Undefined when no package reads
 * this wire format, `refused` when the package's schema does not take the bytes.
 */
export async function checkDifferential(
  recorded: RecordedCase,
  adapter: ProviderAdapter,
): Promise<string[] | 'refused' | undefined> {
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
  try {
    const theirs = await readWithOther(other, streamed)
    const oracle = readRecording(adapter.wire, recorded.provider, bytes, streamed)
    return compare(recorded, other.name, ours, theirs, oracle)
  } catch (error) {
    // The oracle has checked ours; a decoder that refuses the recording as a whole says nothing about it.
    if (isRefusal(error)) return 'refused'
    if (ours.ending === 'error') return []
    return [`${other.name} threw: ${error instanceof Error ? describe(error) : String(error)}`]
  }
}

function describe(error: Error): string {
  return `${error.message} ${error.cause instanceof Error ? error.cause.message : ''}`.slice(0, 600)
}

const contentType = {
  sse: 'text/event-stream',
  'json-lines': 'application/x-ndjson',
  'json-array': 'application/json',
  'aws-event-stream': 'application/vnd.amazon.eventstream',
} as const

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

function compare(
  recorded: RecordedCase,
  decoder: string,
  ours: Answer,
  theirs: Answer,
  oracle: Answer,
): string[] {
  const ignore = new Set(notCompared)
  for (const field of ['input', 'output', 'reasoning', 'cacheRead', 'cacheWrite'] as const) {
    // Some write 0 for what was not counted and some nothing for a 0; neither changes a bill.
    const none = (answer: Answer): boolean => (answer.usage[field] ?? 0) === 0
    if (none(ours) && none(theirs)) ignore.add(`usage.${field}`)
  }
  // Where the recording names no reason, each fills in its own.
  if (oracle.choices.some(({ finish }) => finish === undefined)) ignore.add('finish')
  // Both make up ids where the wire has none.
  if (recordedIds(recorded, ours) === 0) ignore.add('toolCallIds')
  for (const rule of differentialRules) {
    const meant = rule.decoders.length === 0 || rule.decoders.includes(decoder)
    if (meant && rule.covers(recorded, ours, theirs))
      for (const part of rule.parts) ignore.add(part)
  }
  const listed = differentialCases[recorded.id]?.parts ?? []
  const found = differences(ours, theirs, {
    ignore: new Set([...ignore, ...listed]),
    finish: theirWord,
  })
  for (const part of listed) {
    const without = new Set([...ignore, ...listed.filter((one) => one !== part)])
    if (differences(ours, theirs, { ignore: without, finish: theirWord }).length === found.length) {
      found.push(`${part}: agrees, but differential-exclusions.ts lists it`)
    }
  }
  return found.map((fault) => `${decoder}: ${fault}`)
}
