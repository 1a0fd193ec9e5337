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

export const eventTypes = [
  'message_start',
  'content_block_start',
  'content_block_delta',
  'content_block_stop',
  'message_delta',
  'message_stop',
] as const satisfies readonly RawMessageStreamEvent['type'][]
