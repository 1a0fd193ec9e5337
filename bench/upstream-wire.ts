import { tokenMark, type Scenario, type UpstreamWire } from './scenarios.ts'

/** The pieces of a streamed answer: what opens it, one chunk for each token, what ends it. */
export interface StreamText {
  readonly opening: string
  readonly token: (index: number) => string
  readonly ending: string
}

const token = (index: number): string => ` ${tokenMark}${index % 10}`

/** Shapes and sizes as OpenAI sent them in 2026-11 (the recorded corpus: openai/chat-stream). */
function openAiStream(model: string, chunks: number, includeUsage: boolean): StreamText {
  const usageField = includeUsage ? ',"usage":null' : ''
  const event = (delta: string, finish: string): string =>
    `data: {"id":"chatcmpl-CbenchAbCdEfGhIjKlMnOpQrStUv","object":"chat.completion.chunk","created":1795000000,"model":"${model}","service_tier":"default","system_fingerprint":"fp_0123456789","choices":[{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${finish}}]${usageField},"obfuscation":"Xk29sLq"}\n\n`
  const usage = `data: {"id":"chatcmpl-CbenchAbCdEfGhIjKlMnOpQrStUv","object":"chat.completion.chunk","created":1795000000,"model":"${model}","service_tier":"default","system_fingerprint":"fp_0123456789","choices":[],"usage":{"prompt_tokens":20,"completion_tokens":${chunks},"total_tokens":${20 + chunks},"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"obfuscation":""}\n\n`
  return {
    opening: event('{"role":"assistant","content":"","refusal":null}', 'null'),
    token: (index) => event(`{"content":"${token(index)}"}`, 'null'),
    ending: `${event('{}', '"stop"')}${includeUsage ? usage : ''}data: [DONE]\n\n`,
  }
}

function anthropicStream(model: string, chunks: number): StreamText {
  const event = (type: string, rest: string): string =>
    `event: ${type}\ndata: {"type":"${type}"${rest}}\n\n`
  return {
    opening:
      event(
        'message_start',
        `,"message":{"model":"${model}","id":"msg_01BenchAbCdEfGhIjKlMnOp","type":"message","role":"assistant","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":20,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1,"service_tier":"standard"}}`,
      ) +
      event('content_block_start', ',"index":0,"content_block":{"type":"text","text":""}') +
      event('ping', ''),
    token: (index) =>
      event(
        'content_block_delta',
        `,"index":0,"delta":{"type":"text_delta","text":"${token(index)}"}`,
      ),
    ending:
      event('content_block_stop', ',"index":0') +
      event(
        'message_delta',
        `,"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"input_tokens":20,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":${chunks}}`,
      ) +
      event('message_stop', ''),
  }
}

export function streamText(
  wire: UpstreamWire,
  model: string,
  chunks: number,
  includeUsage: boolean,
): StreamText {
  return wire === 'openai'
    ? openAiStream(model, chunks, includeUsage)
    : anthropicStream(model, chunks)
}

/** One event whose text is `megabytes` long, between an opening and an ending. */
export function largeStream(
  wire: UpstreamWire,
  model: string,
  megabytes: number,
  includeUsage: boolean,
): string {
  const { opening, token, ending } = streamText(wire, model, 1, includeUsage)
  const filler = 'y'.repeat(megabytes * 1_048_576)
  return opening + token(0).replace(tokenMark, `${tokenMark} ${filler}`) + ending
}

export function wholeAnswer(wire: UpstreamWire, model: string): string {
  const text = `${tokenMark} ipsum dolor sit amet, consectetur adipiscing elit.`
  return wire === 'openai'
    ? `{"id":"chatcmpl-CbenchAbCdEfGhIjKlMnOpQrStUv","object":"chat.completion","created":1795000000,"model":"${model}","choices":[{"index":0,"message":{"role":"assistant","content":"${text}","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":20,"completion_tokens":12,"total_tokens":32,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"service_tier":"default","system_fingerprint":"fp_0123456789"}`
    : `{"model":"${model}","id":"msg_01BenchAbCdEfGhIjKlMnOp","type":"message","role":"assistant","content":[{"type":"text","text":"${text}"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":20,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":12,"service_tier":"standard"}}`
}

/** Chunks whose CPU is shared out over a stream: the tokens. */
export function unitsOf(scenario: Scenario): number {
  return scenario.kind === 'paced' || scenario.kind === 'burst' ? scenario.chunks : 1
}
