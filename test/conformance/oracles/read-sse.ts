export interface SseMessage {
  readonly event: string
  readonly data: string
}

/**
 * Every message of a whole event stream: the text is split into lines at once.
 * A last message that lacks its blank line counts, as every vendor's SDK counts it.
 */
export function readSse(bytes: Uint8Array): SseMessage[] {
  const lines = new TextDecoder().decode(bytes).split(/\r\n|\n|\r/)
  const messages: SseMessage[] = []
  let event = ''
  let data: string[] = []
  for (const line of [...lines, '']) {
    if (line === '') {
      if (data.length > 0) messages.push({ event, data: data.join('\n') })
      event = ''
      data = []
      continue
    }
    const colon = line.indexOf(':')
    if (colon === 0) continue
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') event = value
    if (field === 'data') data.push(value)
  }
  return messages
}

/** JSON of a message, or undefined for an end mark like `[DONE]` and for text that is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
