import type { CanonicalEvent } from '../../canonical/events.ts'
import { listOf, numberOf, objectOf, textOf } from './wire.ts'

/** Images in an answer, as OpenRouter and others send them: `images: [{image_url: {url}}]`. */
export function imageEvents(value: unknown, choice: number, out: CanonicalEvent[]): void {
  for (const item of listOf(value)) {
    const image = objectOf<{ image_url?: unknown }>(item)
    const url =
      textOf(image?.image_url) ?? textOf(objectOf<{ url?: unknown }>(image?.image_url)?.url)
    if (url === undefined) continue
    const inline = /^data:([^;,]+);base64,/.exec(url)
    if (inline === null) out.push({ type: 'media', choice, kind: 'image', url })
    else {
      const data = url.slice(inline[0].length)
      const mediaType = inline[1] ?? ''
      out.push({ type: 'media', choice, kind: 'image', mediaType, data })
    }
  }
}

/** OpenAI's `audio`: the id comes first, then pieces of data and transcript, then the expiry. */
export function audioEvents(value: unknown, choice: number, out: CanonicalEvent[]): void {
  const audio = objectOf<{
    id?: unknown
    data?: unknown
    transcript?: unknown
    expires_at?: unknown
  }>(value)
  const id = textOf(audio?.id)
  const data = textOf(audio?.data)
  const transcript = textOf(audio?.transcript)
  const expiresAt = numberOf(audio?.expires_at)
  // Snowflake writes an empty one into every message (corpus snowflake/chat/*).
  if (id === undefined && data === undefined && transcript === undefined && !expiresAt) return
  out.push({
    type: 'media',
    choice,
    kind: 'audio',
    ...(id === undefined ? {} : { id }),
    ...(data === undefined ? {} : { data }),
    ...(transcript === undefined ? {} : { transcript }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  })
}
