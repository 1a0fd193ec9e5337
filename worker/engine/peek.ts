const openBrace = 0x7b
const openBracket = 0x5b

/**
 * Looks at the first byte of an answer that calls itself JSON. Streams do so
 * too (corpus openai/chat/stream-chat-completion-streamed-tokens-8024b9); they
 * never begin with a bracket. The body of `response` is whole again.
 */
export async function peekJson(
  response: Response,
): Promise<{ readonly isJson: boolean; readonly response: Response }> {
  const { body, status, headers } = response
  if (body === null) return { isJson: true, response }
  const reader = body.getReader()
  const seen: Uint8Array[] = []
  let first: number | undefined
  while (first === undefined) {
    const { done, value } = await reader.read()
    if (done) break
    seen.push(value)
    first = value.find((byte: number) => !isBlank(byte))
  }
  const whole = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const kept = seen.shift()
      if (kept !== undefined) return controller.enqueue(kept)
      const { done, value } = await reader.read()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: (reason) => reader.cancel(reason),
  })
  return {
    isJson: first === undefined || first === openBrace || first === openBracket,
    response: new Response(whole, { status, headers }),
  }
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)
}
