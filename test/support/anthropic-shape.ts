import type {
  Message,
  MessageDeltaUsage,
  RawMessageDeltaEvent,
  RawMessageStreamEvent,
  RedactedThinkingBlock,
  TextBlock,
  ThinkingBlock,
  ToolUseBlock,
  Usage,
} from '@anthropic-ai/sdk/resources/messages'
import { expect } from 'vitest'
import { sseMessages } from './sse-messages.ts'

/** The fields of the SDK's types; the compiler refuses one too few or too many. */
export const keys = {
  message: {
    id: 1,
    container: 1,
    content: 1,
    diagnostics: 1,
    model: 1,
    role: 1,
    stop_details: 1,
    stop_reason: 1,
    stop_sequence: 1,
    type: 1,
    usage: 1,
  } satisfies Record<keyof Message, 1>,
  usage: {
    cache_creation: 1,
    cache_creation_input_tokens: 1,
    cache_read_input_tokens: 1,
    inference_geo: 1,
    input_tokens: 1,
    output_tokens: 1,
    output_tokens_details: 1,
    server_tool_use: 1,
    service_tier: 1,
    speed: 1,
  } satisfies Record<keyof Usage, 1>,
  deltaUsage: {
    cache_creation_input_tokens: 1,
    cache_read_input_tokens: 1,
    input_tokens: 1,
    output_tokens: 1,
    output_tokens_details: 1,
    server_tool_use: 1,
  } satisfies Record<keyof MessageDeltaUsage, 1>,
  delta: { container: 1, stop_details: 1, stop_reason: 1, stop_sequence: 1 } satisfies Record<
    keyof RawMessageDeltaEvent['delta'],
    1
  >,
  text: { citations: 1, text: 1, type: 1 } satisfies Record<keyof TextBlock, 1>,
  thinking: { signature: 1, thinking: 1, type: 1 } satisfies Record<keyof ThinkingBlock, 1>,
  redacted_thinking: { data: 1, type: 1 } satisfies Record<keyof RedactedThinkingBlock, 1>,
  tool_use: { id: 1, caller: 1, input: 1, name: 1, type: 1 } satisfies Record<
    keyof Omit<ToolUseBlock, 'toolset_name'>,
    1
  >,
}

function expectAllKeys(value: object, wanted: Readonly<Record<string, 1>>): void {
  expect(Object.keys(value).sort()).toEqual(Object.keys(wanted).sort())
}

const eventTypes = [
  'message_start',
  'content_block_start',
  'content_block_delta',
  'content_block_stop',
  'message_delta',
  'message_stop',
] as const satisfies readonly RawMessageStreamEvent['type'][]

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
