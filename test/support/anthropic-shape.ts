import type { RawMessageStreamEvent } from '@anthropic-ai/sdk/resources/messages'
import { expect } from 'vitest'
import { eventTypes, keys } from './anthropic-keys.ts'
import { sseMessages } from './sse-messages.ts'

export { keys } from './anthropic-keys.ts'

function expectAllKeys(value: object, wanted: Readonly<Record<string, 1>>): void {
  expect(Object.keys(value).sort()).toEqual(Object.keys(wanted).sort())
}

export { expectAllKeys as expectKeys }

/** Fields that every recorded answer of Anthropic's own has; the others come and go. */
const core = new Set(
  `content id model role stop_reason stop_sequence type usage input_tokens output_tokens
  text thinking signature data name input`.split(/\s+/),
)

/** As `expectKeys`, for the vendor's own bytes: none that the SDK does not know, and none of the core missing. */
export function expectVendorKeys(value: object, wanted: Readonly<Record<string, 1>>): void {
  expect(Object.keys(value).filter((key) => !(key in wanted))).toEqual([])
  expect(Object.keys(wanted).filter((key) => core.has(key) && !(key in value))).toEqual([])
}

/** Checks one stream against the SDK's types and the order that the API documents. */
export function expectWellFormed(stream: string, expectKeys = expectAllKeys): void {
  let open: number | null = null
  let next = 0
  const events = eventsOf(stream)
  for (const event of events) {
    expect(eventTypes).toContain(event.type)
    switch (event.type) {
      case 'message_start':
        expectKeys(event.message, keys.message)
        expectKeys(event.message.usage, keys.usage)
        break
      case 'content_block_start': {
        expect(open).toBeNull()
        expect(event.index).toBe(next)
        open = next++
        const block = event.content_block
        if (block.type in keys) expectKeys(block, keys[block.type as 'text'])
        break
      }
      case 'content_block_delta':
        expect(event.index).toBe(open)
        break
      case 'content_block_stop':
        expect(event.index).toBe(open)
        open = null
        break
      case 'message_delta':
        expect(open).toBeNull()
        expectKeys(event.delta, keys.delta)
        expectKeys(event.usage, keys.deltaUsage)
        break
      case 'message_stop':
        break
    }
  }
  expect(events[0]?.type).toBe('message_start')
  expect(events.slice(-2).map((event) => event.type)).toEqual(['message_delta', 'message_stop'])
}

/** The events of a stream, heartbeats left out. */
export function eventsOf(stream: string): RawMessageStreamEvent[] {
  return sseMessages(stream).flatMap(({ event, data }) => {
    const parsed = JSON.parse(data) as RawMessageStreamEvent
    expect(parsed.type).toBe(event)
    return event === 'ping' ? [] : [parsed]
  })
}
