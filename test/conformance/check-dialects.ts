import { errorOfFailure } from '../../worker/canonical/errors.ts'
import type { CanonicalEvent } from '../../worker/canonical/events.ts'
import { collect } from '../../worker/canonical/response.ts'
import type { Dialect, RenderContext } from '../../worker/dialects/dialect.ts'
import type { ProviderAdapter } from '../../worker/providers/adapter.ts'
import { differences, type Answer, type AnswerChoice, type ComparisonOptions } from './answer.ts'
import { errorBodyFaults } from './check-failure.ts'
import { comparisonFor, dialectLimits } from './dialect-limits.ts'
import { schemaFaults } from './check-schema.ts'
import { readAnthropicJson, readAnthropicStream } from './readers/anthropic-messages.ts'
import { readOpenAiJson, readOpenAiStream, type ReadAnswer } from './readers/openai-chat.ts'

const context: RenderContext = {
  requestId: 'req_conformance',
  model: 'conformance-model',
  nowS: 1_763_596_800,
  includeUsage: true,
  includeCost: false,
  costUsd: () => null,
}

const readers: Readonly<
  Record<
    Dialect['id'],
    { readonly stream: (text: string) => ReadAnswer; readonly json: (body: unknown) => ReadAnswer }
  >
> = {
  'openai-chat': { stream: readOpenAiStream, json: readOpenAiJson },
  'anthropic-messages': { stream: readAnthropicStream, json: readAnthropicJson },
}

/** Writes an answer in `dialect`, streamed and whole, and reads it back as a client does. */
export function checkDialect(
  dialect: Dialect,
  adapter: ProviderAdapter,
  events: readonly CanonicalEvent[],
  oracle: Answer,
): string[] {
  const reader = readers[dialect.id]
  const options = comparisonFor(dialect, adapter.wire)
  const renderer = dialect.createStreamRenderer(context)
  const stream = events.map((event) => renderer.render(event)).join('')
  const { expected, heard } = dialectLimits[dialect.id]
  const hear = (read: ReadAnswer): ReadAnswer => ({ ...read, answer: heard(read.answer) })
  const found = compareRead(
    hear(reader.stream(stream)),
    expected(afterStream(oracle), 'stream'),
    options,
    'stream',
  )
  const schema = schemaFaults[dialect.id]
  found.push(...schema.stream(stream))
  const collected = collect(events)
  if (collected.ok) {
    const body: unknown = JSON.parse(
      JSON.stringify(dialect.renderResponse(collected.response, context)),
    )
    found.push(...compareRead(hear(reader.json(body)), expected(oracle, 'json'), options, 'json'))
    found.push(...schema.json(body))
  } else {
    found.push(...errorBodyFaults(dialect, collected.failure))
    if (/\[DONE\]|message_stop/.test(stream.slice(-400)))
      found.push('stream: a failure ends with the end mark')
    if (
      !stream.endsWith(
        dialect.renderStreamError(errorOfFailure(collected.failure), context.requestId),
      )
    ) {
      found.push('stream: a failure does not end with the dialect’s error event')
    }
  }
  return found
}

/** Our own stream never just stops: what was cut upstream ends in an error event. */
function afterStream(oracle: Answer): Answer {
  return oracle.ending === 'cut' ? { ...oracle, ending: 'error' } : oracle
}

function withoutFinish(choice: AnswerChoice): AnswerChoice {
  const { finish: _finish, ...rest } = choice
  return rest
}

function compareRead(
  read: ReadAnswer,
  oracle: Answer,
  options: ComparisonOptions,
  form: string,
): string[] {
  // What the upstream did not count may be missing or zero (Messages must have numbers), never invented.
  const usage = { ...oracle.usage }
  for (const field of ['input', 'output', 'reasoning', 'cacheRead', 'cacheWrite'] as const) {
    if (usage[field] === undefined && read.answer.usage[field] === 0) usage[field] = 0
    if (usage[field] === 0 && read.answer.usage[field] === undefined) delete usage[field]
  }
  // A stream that failed has no usage event and no finish in either dialect.
  const failed = oracle.ending !== 'finished'
  const expected: Answer = {
    ...oracle,
    usage,
    choices: failed ? oracle.choices.map(withoutFinish) : oracle.choices,
  }
  const ignore = failed ? new Set([...(options.ignore ?? []), 'usage' as const]) : options.ignore
  const found = differences(expected, read.answer, {
    ...options,
    ...(ignore === undefined ? {} : { ignore }),
  })
  return [...read.faults, ...found].map((fault) => `${form}: ${fault}`)
}
