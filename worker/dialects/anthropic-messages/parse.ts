import type {
  CanonicalRequest,
  JsonObject,
  Message,
  ReasoningRequest,
  ResponseFormat,
  Sampling,
} from '../../canonical/request.ts'
import type { Parsed } from '../dialect.ts'
import { compact } from '../shared/compact.ts'
import { readExtensions } from '../shared/extensions.ts'
import { BodyNotes } from '../shared/body-notes.ts'
import { readPreferences, withModel } from '../shared/preferences.ts'
import { readBody } from '../shared/read-body.ts'
import { readContent, textBlock } from './parse-blocks.ts'
import { parsePlain } from './parse-plain.ts'
import { readParallelToolCalls, readToolChoice, readTools } from './parse-tools.ts'
import { countTokensSchema, type MessagesBody, messagesSchema, type PromptBody } from './schema.ts'
import { threadError } from './thread-error.ts'

/** Fields that the canonical request holds itself. `output_config` may hold more than that: its rest is an extension. */
const knownFields = new Set([
  'model',
  'messages',
  'models',
  'provider',
  'usage',
  'system',
  'tools',
  'tool_choice',
  'thinking',
  'output_config',
  'output_format',
  'max_tokens',
  'stream',
  'temperature',
  'top_p',
  'top_k',
  'stop_sequences',
  'metadata',
  'service_tier',
])

/** Those of them in which a client of another gateway might name a destination. */
const settings = new Set(['provider', 'usage', 'metadata', 'thinking', 'output_config'])

const messageFields = new Set(['role', 'content'])
const metadataFields = new Set(['user_id'])
const usageFields = new Set(['include'])

/** Reads a body of `POST /v1/messages`. */
export function parse(body: unknown): Parsed<CanonicalRequest> {
  const plain = parsePlain(body)
  return plain === null ? parseBySchema(body) : { ok: true, value: plain }
}

/** Reads any body, and says what is wrong with it. */
export function parseBySchema(body: unknown): Parsed<CanonicalRequest> {
  const refused = threadError(body)
  if (refused !== null) return { ok: false, error: refused }
  const read = readBody(messagesSchema(), withModel(body))
  if (!read.ok) return read
  const fields = read.value
  const notes = new BodyNotes()
  if (fields.metadata) notes.note(fields.metadata, metadataFields, 'metadata')
  if (fields.metadata?.user_id) notes.name('userId', 'metadata', 'user_id')
  if ((fields.stop_sequences ?? []).length > 0) notes.name('stop', 'stop_sequences')
  return withPrompt(body, fields, notes, {
    sampling: sampling(fields),
    maxOutputTokens: fields.max_tokens,
    stop: fields.stop_sequences?.length === 0 ? undefined : fields.stop_sequences,
    userId: fields.metadata?.user_id,
    serviceTier: fields.service_tier,
    stream: fields.stream === true,
  })
}

/** Reads a body of `POST /v1/messages/count_tokens`: as above, without `max_tokens`. */
export function parseCountTokens(body: unknown): Parsed<CanonicalRequest> {
  const refused = threadError(body)
  if (refused !== null) return { ok: false, error: refused }
  const read = readBody(countTokensSchema(), withModel(body))
  if (!read.ok) return read
  return withPrompt(body, read.value, new BodyNotes(), { sampling: {}, stream: false })
}

interface AnswerFields {
  readonly sampling: Sampling
  readonly stream: boolean
  readonly maxOutputTokens?: number
  readonly stop?: readonly string[] | null | undefined
  readonly userId?: string | null | undefined
  readonly serviceTier?: string | null | undefined
}

function withPrompt(
  body: unknown,
  fields: PromptBody,
  notes: BodyNotes,
  answer: AnswerFields,
): Parsed<CanonicalRequest> {
  // The body itself, not the schema's copy: the copy leaves `__proto__` out.
  const own = readExtensions(body as JsonObject, knownFields, settings, notes)
  if (!own.ok) return own
  const extensions = withRest(own.fields, fields)
  if (fields.usage) notes.note(fields.usage, usageFields, 'usage')
  nameSettings(fields, notes)
  const request = {
    model: fields.model,
    models: fields.models,
    provider: readPreferences(fields.provider, notes),
    tools: readTools(fields.tools, notes),
    messages: [...systemMessages(fields.system, notes), ...readMessages(fields.messages, notes)],
    toolChoice: readToolChoice(fields.tool_choice),
    parallelToolCalls: readParallelToolCalls(fields.tool_choice),
    responseFormat: responseFormat(fields.output_config?.format ?? fields.output_format),
    reasoning: reasoning(fields),
    includeUsage: true,
    includeCost: fields.usage?.include === true,
    extensions: extensions === undefined ? undefined : { 'anthropic-messages': extensions },
    ...answer,
  }
  return {
    ok: true,
    value: compact<CanonicalRequest>({
      ...request,
      ignored: notes.ignored(),
      fields: notes.fields(),
    }),
  }
}

/** This wire format's own names for settings that others call otherwise. */
function nameSettings(fields: PromptBody, notes: BodyNotes): void {
  const { tool_choice: choice, thinking } = fields
  if (choice && 'disable_parallel_tool_use' in choice && choice.disable_parallel_tool_use === true)
    notes.name('singleToolCall', 'tool_choice', 'disable_parallel_tool_use')
  if (fields.output_config?.format) notes.name('jsonSchema', 'output_config', 'format')
  else if (fields.output_format) notes.name('jsonSchema', 'output_format')
  if (thinking) notes.name('reasoning', 'thinking')
  else if (fields.output_config?.effort) notes.name('reasoning', 'output_config', 'effort')
  if (thinking && 'display' in thinking && thinking.display)
    notes.name('hiddenReasoning', 'thinking', 'display')
}

/** What `output_config` and `thinking` say beyond the canonical settings goes on under their own names. */
function withRest(own: JsonObject | undefined, fields: PromptBody): JsonObject | undefined {
  const rest: Record<string, unknown> = {}
  if (fields.output_config) {
    const { effort: _effort, format: _format, ...more } = fields.output_config
    if (Object.keys(more).length > 0) rest['output_config'] = more
  }
  if (fields.thinking?.type === 'between_tools') rest['thinking'] = fields.thinking
  return Object.keys(rest).length === 0 ? own : { ...own, ...rest }
}

function systemMessages(system: PromptBody['system'], notes: BodyNotes): Message[] {
  if (system === undefined || system === null || system.length === 0) return []
  const content =
    typeof system === 'string'
      ? [{ type: 'text' as const, text: system }]
      : system.map((field, index) => {
          if (field.cache_control) notes.name('cacheMarks', 'system', index, 'cache_control')
          return textBlock(field)
        })
  return [{ role: 'system', content, field: 'system' }]
}

function readMessages(messages: PromptBody['messages'], notes: BodyNotes): Message[] {
  return messages.map((message, index) => {
    notes.note(message, messageFields, 'messages', index)
    const content = readContent(message.content, ['messages', index, 'content'], notes)
    return { role: message.role, content }
  })
}

function sampling(body: MessagesBody): Sampling {
  return compact<Sampling>({
    temperature: body.temperature,
    topP: body.top_p,
    topK: body.top_k,
  })
}

/** The wire has no name for a schema, other wires want one. */
function responseFormat(
  format: { readonly schema: JsonObject } | null | undefined,
): ResponseFormat | undefined {
  return format === null || format === undefined
    ? undefined
    : { type: 'jsonSchema', name: 'response', schema: format.schema }
}

function reasoning(fields: PromptBody): ReasoningRequest | undefined {
  const { thinking } = fields
  const display = thinking && 'display' in thinking ? thinking.display : undefined
  const request = compact<ReasoningRequest>({
    effort: fields.output_config?.effort,
    budgetTokens: thinking?.type === 'enabled' ? thinking.budget_tokens : undefined,
    adaptive: thinking?.type === 'adaptive' ? true : undefined,
    enabled: enabledBy(thinking?.type),
    hidden: display === null || display === undefined ? undefined : display === 'omitted',
  })
  return Object.keys(request).length === 0 ? undefined : request
}

function enabledBy(type: NonNullable<PromptBody['thinking']>['type'] | undefined) {
  switch (type) {
    case 'enabled':
    case 'adaptive':
      return true
    case 'disabled':
      return false
    case 'between_tools':
    case undefined:
      return undefined
  }
}
