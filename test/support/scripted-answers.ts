import type { Reply, Script } from './scripted-upstream.ts'

/** Streams and answers as the vendors write them, for scripts that break them somewhere. */

export const openAiHead = { 'content-type': 'text/event-stream' }

export function openAiChunk(text: string): string {
  return `data: ${JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1_700_000_000,
    model: 'scripted',
    choices: [{ index: 0, delta: { content: text }, logprobs: null, finish_reason: null }],
    usage: null,
  })}\n\n`
}

export const openAiRole = openAiChunk('').replace(
  '"delta":{"content":""}',
  '"delta":{"role":"assistant","content":""}',
)

export const openAiEnd =
  openAiChunk('').replace(
    '"delta":{"content":""},"logprobs":null,"finish_reason":null',
    '"delta":{},"logprobs":null,"finish_reason":"stop"',
  ) +
  `data: ${JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1_700_000_000,
    model: 'scripted',
    choices: [],
    usage: { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 },
  })}\n\n`

export const openAiDone = 'data: [DONE]\n\n'

export function openAiWhole(text: string): string {
  return JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'scripted',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: text, refusal: null },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 },
  })
}

export function anthropicEvent(type: string, fields: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`
}

export const anthropicStart =
  anthropicEvent('message_start', {
    message: {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'scripted',
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { input_tokens: 5, output_tokens: 1 },
    },
  }) +
  anthropicEvent('content_block_start', { index: 0, content_block: { type: 'text', text: '' } })

export function anthropicText(text: string): string {
  return anthropicEvent('content_block_delta', { index: 0, delta: { type: 'text_delta', text } })
}

export const anthropicEnd =
  anthropicEvent('content_block_stop', { index: 0 }) +
  anthropicEvent('message_delta', {
    delta: { stop_reason: 'end_turn', stop_sequence: null },
    usage: { output_tokens: 3 },
  })

export const anthropicDone = anthropicEvent('message_stop', {})

export function anthropicWhole(text: string): string {
  return JSON.stringify({
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'scripted',
    content: [{ type: 'text', text }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: 5, output_tokens: 3 },
  })
}

/** The parts of a vendor's stream, so that one test can be said for both. */
export interface StreamKit {
  readonly start: string
  text(text: string): string
  readonly end: string
  readonly done: string
  whole(text: string): string
}

export const kits: Readonly<Record<'openai' | 'anthropic', StreamKit>> = {
  openai: {
    start: openAiRole,
    text: openAiChunk,
    end: openAiEnd,
    done: openAiDone,
    whole: openAiWhole,
  },
  anthropic: {
    start: anthropicStart,
    text: anthropicText,
    end: anthropicEnd,
    done: anthropicDone,
    whole: anthropicWhole,
  },
}

/** Answers whole or streamed, whichever the call asks for, without any fault. */
export function healthy(kit: StreamKit, text: string): Script {
  return async (reply) => {
    if (!wantsStream(reply)) {
      reply.head(200, { 'content-type': 'application/json' })
      return reply.end(kit.whole(text))
    }
    reply.head(200, openAiHead)
    await reply.write(kit.start + kit.text(text) + kit.end)
    return reply.end(kit.done)
  }
}

export function wantsStream({ call }: Reply): boolean {
  return (JSON.parse(call.body) as { stream?: boolean }).stream === true
}
