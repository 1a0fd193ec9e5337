import { differences, type Answer, type AnswerPart } from '../../conformance/answer.ts'
import { expectationOf } from '../../conformance/check-failure.ts'
import { responseBytes, type RecordedCase } from '../../conformance/corpus.ts'
import { comparisonFor, dialectLimits } from '../../conformance/dialect-limits.ts'
import { dialects } from '../../conformance/dialects.ts'
import { errorOfFailure } from '../../../worker/canonical/errors.ts'
import { failure } from '../../../worker/canonical/failure.ts'
import type { Wire } from '../../../worker/canonical/blocks.ts'
import type { Dialect } from '../../../worker/dialects/dialect.ts'
import type { Heard, Way } from './ask-with-sdks.ts'

/** One recording, asked for in one way. */
export interface Replayed {
  readonly recorded: RecordedCase
  readonly wire: Wire
  /** What the recording says, by the slow reader of its wire. */
  readonly oracle: Answer
  readonly streamed: boolean
  readonly way: Way
  /** The client got the provider's own bytes: a relayed stream, or JSON in the client's form. */
  readonly passedOn: boolean
}

/** What differs from the recording in what a client heard; empty when it is the recording. */
export function judge(replayed: Replayed, heard: Heard): string[] {
  if (replayed.recorded.meta.status >= 400) return judgeRefusal(replayed.recorded, heard)
  return replayed.oracle.ending === 'finished'
    ? judgeAnswer(replayed, heard)
    : judgeBroken(replayed, heard)
}

/** A recorded error reaches the client as the SDK's own error, with one of our codes. */
function judgeRefusal(recorded: RecordedCase, heard: Heard): string[] {
  const body = new TextDecoder().decode(responseBytes(recorded))
  const { classes, targetFault } = expectationOf(recorded, body)
  const allowed = classes.flatMap((name) => [
    errorOfFailure(failure(name, '')),
    ...(targetFault === true || name === 'bad_request'
      ? [errorOfFailure(failure(name, '', { targetFault: true }))]
      : []),
  ])
  const { error, status } = heard
  if (error === null) return ['no error']
  const found: string[] = []
  if (!error.typed) found.push(`${error.name} is not the SDK’s`)
  if (!allowed.some((one) => one.status === status && one.code === error.code))
    found.push(
      `${status} ${error.code}, not ${allowed.map((one) => `${one.status} ${one.code}`).join(' or ')}`,
    )
  if (error.status !== status) found.push(`the SDK says ${error.status}, the response ${status}`)
  return [...found, ...headerFaults(heard)]
}

function judgeAnswer(replayed: Replayed, heard: Heard): string[] {
  const { oracle } = replayed
  if (heard.error !== null || heard.raw === null || heard.sdk === null)
    return [`${heard.status} ${heard.error?.name} ${heard.error?.message}`]
  const bytes = compare(replayed, oracle, heard.raw.answer)
  const sdk = compare(replayed, oracle, heard.sdk, sdkBlind(replayed))
  return [
    ...protocolFaults(replayed, heard),
    ...bytes.map((one) => `bytes: ${one}`),
    ...sdk.map((one) => `SDK: ${one}`),
    ...headerFaults(heard),
  ]
}

/** An answer that failed or broke: nothing of it where nothing was said, else its beginning and an error event. */
function judgeBroken(replayed: Replayed, heard: Heard): string[] {
  const { oracle, streamed } = replayed
  const found = headerFaults(heard)
  if (heard.error === null) return [...found, 'the client takes it for a finished answer']
  if (!heard.error.typed) found.push(`${heard.error.name} is not the SDK’s`)
  if (heard.raw === null) {
    if (heard.status < 400) found.push(`status ${heard.status}`)
    if (streamed && oracle.choices.some(({ text }) => text !== ''))
      found.push('text was there, and a refusal came')
    return found
  }
  const expected: Answer = { ...oracle, ending: 'error', usage: {} }
  const faults = compare(replayed, expected, heard.raw.answer, ['usage', 'finish'])
  return [...found, ...protocolFaults(replayed, heard), ...faults]
}

/** What breaks the dialect's rules is ours to answer for where we wrote it, and the provider's where its bytes were passed on. */
function protocolFaults({ passedOn }: Replayed, { raw }: Heard): string[] {
  return passedOn ? [] : (raw?.faults ?? []).map((fault) => `bytes: ${fault}`)
}

function compare(
  { wire, streamed, way }: Replayed,
  oracle: Answer,
  got: Answer,
  alsoIgnored: readonly AnswerPart[] = [],
): string[] {
  const dialect = dialectOf(way)
  const { expected, heard } = dialectLimits[dialect.id]
  const { ignore = new Set<AnswerPart>(), ...options } = comparisonFor(dialect, wire)
  const want = expected(oracle, streamed ? 'stream' : 'json')
  return differences(withSameZeros(want, got), heard(got), {
    ...options,
    ignore: new Set([...ignore, ...alsoIgnored]),
  })
}

export function dialectOf(way: Way): Dialect {
  const dialect = dialects.find(({ id }) => id.startsWith(way.dialect))
  if (dialect === undefined) throw new Error(`no dialect ${way.dialect}`)
  return dialect
}

/** What the provider did not count may be missing or zero (Messages must have numbers), never invented. */
function withSameZeros(want: Answer, got: Answer): Answer {
  const usage: Record<string, number | undefined> = { ...want.usage }
  for (const field of ['input', 'output', 'reasoning', 'cacheRead', 'cacheWrite'] as const) {
    if (usage[field] === undefined && got.usage[field] === 0) usage[field] = 0
    if (usage[field] === 0 && got.usage[field] === undefined) delete usage[field]
  }
  return { ...want, usage: usage as Answer['usage'] }
}

/** Anthropic's client reads streamed arguments as JSON even where a model was cut off in the middle of them. */
function sdkBlind({ oracle, way, streamed }: Replayed): AnswerPart[] {
  if (way.dialect !== 'anthropic' || !streamed) return []
  const whole = oracle.choices.every(({ toolCalls }) =>
    toolCalls.every((call) => call.arguments.startsWith('{') && isJson(call.arguments)),
  )
  return whole ? [] : ['toolCalls']
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const always = [
  'request-id',
  'config',
  'route',
  'provider',
  'model',
  'region',
  'attempts',
  'reason',
]

function headerFaults({ headers, status }: Heard): string[] {
  const missing = always.filter((name) => !headers.get(`x-switchyard-${name}`))
  const found = missing.map((name) => `no x-switchyard-${name}`)
  if (headers.get('server-timing') === null) found.push('no server-timing')
  if (status >= 400 && headers.get('x-should-retry') !== 'false')
    found.push('no x-should-retry: false')
  if (status === 429 && headers.get('retry-after') === null) found.push('no retry-after')
  return found
}
