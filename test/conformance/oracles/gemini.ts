import {
  AnswerDraft,
  count,
  sum,
  type Answer,
  type AnswerFinish,
  type ChoiceDraft,
} from '../answer.ts'
import { parseJson, readSse } from './read-sse.ts'
import { at, isObject, list, text } from './wire-value.ts'

const finishes: Readonly<Record<string, AnswerFinish>> = {
  STOP: 'stop',
  MAX_TOKENS: 'length',
  SAFETY: 'contentFilter',
  RECITATION: 'contentFilter',
  BLOCKLIST: 'contentFilter',
  PROHIBITED_CONTENT: 'contentFilter',
  SPII: 'contentFilter',
  MODEL_ARMOR: 'contentFilter',
  IMAGE_SAFETY: 'contentFilter',
  IMAGE_PROHIBITED_CONTENT: 'contentFilter',
  IMAGE_RECITATION: 'contentFilter',
}

/** `FinishReason` by number, as `$alt=json;enum-encoding=int` writes it (google.ai.generativelanguage.v1beta). */
const finishNumbers: readonly string[] = [
  'FINISH_REASON_UNSPECIFIED',
  'STOP',
  'MAX_TOKENS',
  'SAFETY',
  'RECITATION',
  'OTHER',
]

/** True when a streamed body is one JSON array (a stream asked for without `alt=sse`). */
export function isJsonArray(bytes: Uint8Array): boolean {
  return new TextDecoder().decode(bytes.subarray(0, 64)).trimStart().startsWith('[')
}

/** Reads a recorded generateContent body: JSON, SSE or a JSON array. */
export function readGemini(bytes: Uint8Array, streamed: boolean): Answer {
  const draft = new AnswerDraft()
  const bodies = bodiesOf(bytes, streamed)
  const calls = new CallReader()
  for (const body of bodies) {
    if (isObject(at(body, 'error'))) {
      draft.ending = 'error'
      break
    }
    for (const candidate of list(at(body, 'candidates'))) readCandidate(draft, candidate, calls)
    // A prompt that was refused has no candidate: nothing was answered.
    if (at(body, 'promptFeedback') !== undefined && list(at(body, 'candidates')).length === 0) {
      draft.ending = 'error'
    }
    readUsage(draft, at(body, 'usageMetadata'))
  }
  // Half a message at the end: more was to come, whatever was said before.
  const whole = bodies.every((body) => body !== undefined)
  const ended = whole && draft.choices.some((one) => one.finish !== undefined)
  if (draft.ending !== 'error' && (ended || !streamed)) draft.ending = 'finished'
  for (const choice of draft.choices) {
    if (choice.finish === 'stop' && choice.toolCalls.length > 0) choice.finish = 'toolCalls'
  }
  return draft.result()
}

function bodiesOf(bytes: Uint8Array, streamed: boolean): readonly unknown[] {
  if (streamed && !isJsonArray(bytes)) return readSse(bytes).map(({ data }) => parseJson(data))
  const body = parseJson(new TextDecoder().decode(bytes))
  return Array.isArray(body) ? (body as unknown[]) : [body]
}

function readCandidate(draft: AnswerDraft, candidate: unknown, calls: CallReader): void {
  const choice = draft.choice(count(at(candidate, 'index')) ?? 0)
  for (const part of list(at(candidate, 'content', 'parts'))) readPart(choice, part, calls)
  const raw = at(candidate, 'finishReason')
  const reason = typeof raw === 'number' ? (finishNumbers[raw] ?? 'OTHER') : raw
  if (typeof reason === 'string' && reason !== 'FINISH_REASON_UNSPECIFIED')
    choice.finish = finishes[reason] ?? 'other'
  choice.citations += citationsOf(candidate)
}

/** One for each source of each supported segment; the sources alone where nothing says what they support. */
function citationsOf(candidate: unknown): number {
  const grounding = at(candidate, 'groundingMetadata')
  const sources = list(at(grounding, 'groundingChunks'))
  const pairs = list(at(grounding, 'groundingSupports')).flatMap((support) =>
    list(at(support, 'groundingChunkIndices')).filter((index) => isObject(sources[Number(index)])),
  ).length
  const copied = at(candidate, 'citationMetadata')
  return (
    (pairs || sources.filter(isObject).length) +
    (list(at(copied, 'citationSources')).length || list(at(copied, 'citations')).length)
  )
}

function readPart(choice: ChoiceDraft, part: unknown, calls: CallReader): void {
  const written = text(at(part, 'text'))
  if (at(part, 'thought') === true) choice.reasoning += written
  else choice.text += written
  if (at(part, 'inlineData') !== undefined || at(part, 'fileData') !== undefined) choice.media += 1
  const call = at(part, 'functionCall')
  if (isObject(call)) calls.read(choice, call)
}

/** Calls come whole, or begin with a name and go on as (path, value) pairs until a part with no `willContinue`. */
class CallReader {
  #open: { call: ChoiceDraft['toolCalls'][number]; value: Record<string, unknown> } | undefined

  read(choice: ChoiceDraft, call: Readonly<Record<string, unknown>>): void {
    const name = text(call['name'])
    if (name !== '') {
      const id = text(call['id'])
      const made = {
        name,
        arguments: JSON.stringify(call['args'] ?? {}),
        id: id === '' ? undefined : id,
      }
      choice.toolCalls.push(made)
      this.#open = {
        call: made,
        value: { ...(call['args'] as Record<string, unknown> | undefined) },
      }
    }
    for (const piece of list(call['partialArgs'])) this.#write(piece)
    if (call['willContinue'] !== true && name === '') this.#open = undefined
  }

  #write(piece: unknown): void {
    const open = this.#open
    if (open === undefined) return
    const path = [
      ...text(at(piece, 'jsonPath')).matchAll(/\.([^.[\]]+)|\[(\d+)\]|\['([^']*)'\]/g),
    ].map((match) => match[1] ?? match[3] ?? Number(match[2]))
    const string = at(piece, 'stringValue')
    const value = string ?? at(piece, 'numberValue') ?? at(piece, 'boolValue') ?? null
    let holder: Record<string | number, unknown> = open.value
    for (const [position, key] of path.entries()) {
      const next = path[position + 1]
      if (next === undefined) {
        const before = holder[key]
        holder[key] =
          typeof before === 'string' && typeof string === 'string' ? before + string : value
      } else {
        holder[key] ??= typeof next === 'number' ? [] : {}
        holder = holder[key] as Record<string | number, unknown>
      }
    }
    open.call.arguments = JSON.stringify(open.value)
  }
}

/** `promptTokenCount` has the cached part in it; tool results and thoughts stand beside. */
function readUsage(draft: AnswerDraft, usage: unknown): void {
  const thoughts = count(at(usage, 'thoughtsTokenCount'))
  draft.addUsage({
    input: sum(count(at(usage, 'promptTokenCount')), count(at(usage, 'toolUsePromptTokenCount'))),
    output: sum(count(at(usage, 'candidatesTokenCount')), thoughts),
    reasoning: thoughts,
    cacheRead: count(at(usage, 'cachedContentTokenCount')),
  })
}
