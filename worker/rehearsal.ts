import type { CanonicalEvent } from './canonical/events.ts'
import { collect } from './canonical/response.ts'
import type { JsonObject } from './canonical/request.ts'
import { keepSpecimen } from './canonical/specimens.ts'
import { anthropicMessages } from './dialects/anthropic-messages/index.ts'
import type { RenderContext } from './dialects/dialect.ts'
import { openAiChat } from './dialects/openai-chat/index.ts'
import { adapterOf } from './providers/index.ts'

/**
 * Reads and writes one made-up answer of each of the two usual wire formats, whole and as the events of a stream, and
 * keeps what came of it: the shapes that answers have from the runtime's `JSON.parse` on. See `keepSpecimen` for what that is for. The order of fields is that
 * of recorded answers (corpus `openai/chat`, `anthropic/messages`); where one ends earlier its shape is kept as well.
 */
export function rehearse(): void {
  for (const [id, text] of [
    ['openai', openAiAnswer],
    ['anthropic', anthropicAnswer],
  ] as const) {
    const body = JSON.parse(text) as JsonObject
    const events = adapterOf(id)?.decodeResponse(body) ?? []
    const collected = collect(events)
    const response = collected.ok ? collected.response : collected.partial
    const rendered = [openAiChat, anthropicMessages].map((dialect) =>
      dialect.renderResponse(response, context),
    )
    keepSpecimen([body, events, collected, rendered])
  }
  for (const [id, texts] of [
    ['openai', openAiStream],
    ['anthropic', anthropicStream],
  ] as const) {
    const decoder = adapterOf(id)?.createDecoder()
    const events: CanonicalEvent[] = []
    for (const data of texts) decoder?.decode({ event: '', data }, events)
    keepSpecimen([texts.map((data) => JSON.parse(data) as JsonObject), events])
  }
}

const context: RenderContext = {
  requestId: 'req_0',
  model: 'm',
  nowS: 1_700_000_000,
  includeUsage: true,
  includeCost: false,
  legacyFunctions: false,
  costUsd: () => 0.000_01,
}

const openAiAnswer =
  '{"id":"x","object":"chat.completion","created":1700000000,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Yes.","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"service_tier":"default","system_fingerprint":"fp"}'

const anthropicAnswer =
  '{"model":"m","id":"x","type":"message","role":"assistant","content":[{"type":"text","text":"Yes."}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":9,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":2,"service_tier":"standard"}}'

const chunk = (choices: string, rest = '') =>
  `{"id":"x","object":"chat.completion.chunk","created":1700000000,"model":"m","service_tier":"default","system_fingerprint":"fp","choices":[${choices}]${rest}}`

const openAiStream = [
  chunk(
    '{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}',
    ',"obfuscation":"o"',
  ),
  chunk(
    '{"index":0,"delta":{"content":"Yes."},"logprobs":null,"finish_reason":null}',
    ',"usage":null,"obfuscation":"o"',
  ),
  chunk(
    '{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}',
    ',"usage":null,"obfuscation":"o"',
  ),
  chunk(
    '',
    ',"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"obfuscation":""',
  ),
]

const anthropicStream = [
  '{"type":"message_start","message":{"model":"m","id":"x","type":"message","role":"assistant","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":9,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1,"service_tier":"standard"}}}',
  '{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
  '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Yes."}}',
  '{"type":"content_block_stop","index":0}',
  '{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"input_tokens":9,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":2}}',
]
