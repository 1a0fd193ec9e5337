import { existsSync, readFileSync } from 'node:fs'
import type { CanonicalEvent } from '../../worker/canonical/events.ts'
import { type CanonicalResponse, collect } from '../../worker/canonical/response.ts'
import type { CanonicalRequest, JsonObject } from '../../worker/canonical/request.ts'
import type { ProviderAdapter } from '../../worker/providers/adapter.ts'
import { StreamDecoder } from '../../worker/streams/stream-decoder.ts'

/** One recorded exchange under `test/fixtures/providers/`, in the layout of the recorded corpus. */
export interface RecordedExchange {
  readonly status: number
  /** Undefined where the recording has none. */
  readonly request: JsonObject | undefined
  readonly headers: ReadonlyMap<string, string>
  readonly bytes: Uint8Array
  readonly text: string
}

/** The recording in `folder`; throws when there is none. */
export function recorded(provider: string, folder: string): RecordedExchange {
  const at = new URL(`../fixtures/providers/${provider}/${folder}/`, import.meta.url)
  const read = (name: string): Uint8Array => readFileSync(new URL(name, at))
  const json = (name: string): JsonObject | undefined =>
    existsSync(new URL(name, at)) ? JSON.parse(new TextDecoder().decode(read(name))) : undefined
  const meta = json('meta.json')
  if (meta === undefined) throw new Error(`no recording ${provider}/${folder}`)
  const bytes = read(String(meta['response_file']))
  return {
    status: Number(meta['status']),
    request: json('request.json'),
    headers: new Map(
      Object.entries((json('response.headers.json') ?? {}) as Record<string, string>),
    ),
    bytes,
    text: new TextDecoder().decode(bytes),
  }
}

/** The events of a stream that arrives in pieces of `pieceBytes`. */
export function decodeStream(
  adapter: ProviderAdapter,
  bytes: Uint8Array,
  pieceBytes = bytes.length,
): CanonicalEvent[] {
  const decoder = new StreamDecoder(adapter.framing, adapter.createDecoder())
  const events: CanonicalEvent[] = []
  for (let at = 0; at < bytes.length; at += pieceBytes)
    events.push(...decoder.push(bytes.subarray(at, at + pieceBytes)))
  return [...events, ...decoder.end()]
}

/** What the events add up to; throws when the answer failed. */
export function answerOf(events: readonly CanonicalEvent[]): CanonicalResponse {
  const collected = collect(events)
  if (!collected.ok) throw new Error(JSON.stringify(collected.failure))
  return collected.response
}

/** A request that asks for nothing but what is given. */
export function requestOf(fields: Partial<CanonicalRequest>): CanonicalRequest {
  return {
    model: 'route',
    messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }],
    sampling: {},
    stream: false,
    includeUsage: true,
    includeCost: false,
    ...fields,
  }
}
