import { type Answer, chunk, event, streaming, streamEnd, UpstreamBody } from './fake-host.ts'

/** The ways in which a stream breaks in the middle. */
export const breaks = ['reset', 'truncate', 'stall', 'errorEvent', 'malformed'] as const
export type Break = (typeof breaks)[number]

/** An OpenAI stream that gives these texts, and then breaks in this way. */
export function breaking(how: Break, ...texts: readonly string[]): Answer {
  if (how === 'reset') return () => new Response(resetting(texts), { headers: eventStream })
  return (call, number) => {
    const body = new UpstreamBody()
    for (const text of texts) body.push(chunk(text))
    const answer = streaming(body)(call, number)
    if (how === 'truncate') body.end()
    if (how === 'errorEvent')
      body.push(event({ error: { message: 'overloaded', type: 'server_error', code: null } }))
    if (how === 'malformed') body.push('data: {"choices": [\n\n')
    return answer
  }
}

const eventStream = { 'content-type': 'text/event-stream' }

/** Everything is read before the connection breaks: what a reset throws away was never there for us. */
function resetting(texts: readonly string[]): ReadableStream<Uint8Array> {
  const left = [...texts]
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const text = left.shift()
        if (text === undefined) controller.error(new Error('connection reset'))
        else controller.enqueue(new TextEncoder().encode(chunk(text)))
      },
    },
    { highWaterMark: 0 },
  )
}

export function whole(...texts: readonly string[]): Answer {
  return (call, number) => {
    const body = new UpstreamBody()
    for (const text of texts) body.push(chunk(text))
    return streaming(body.push(streamEnd).end())(call, number)
  }
}

/** A stream of the Messages API. */
export function message(texts: readonly string[], counts = { input: 20, output: 5 }): Answer {
  const events = [
    {
      type: 'message_start',
      message: {
        id: 'msg_1',
        type: 'message',
        role: 'assistant',
        model: 'claude-sonnet-4-5',
        content: [],
        usage: { input_tokens: counts.input, output_tokens: 1 },
      },
    },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    ...texts.map((text) => ({
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'text_delta', text },
    })),
    { type: 'content_block_stop', index: 0 },
    {
      type: 'message_delta',
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: counts.output },
    },
    { type: 'message_stop' },
  ]
  return (call, number) => {
    const body = new UpstreamBody()
    for (const one of events) body.push(`event: ${one.type}\ndata: ${JSON.stringify(one)}\n\n`)
    return streaming(body.end())(call, number)
  }
}
