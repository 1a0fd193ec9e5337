/**
 * What a message is made of. Blocks are neutral: no dialect and no provider is
 * the model for them, because each of those loses something (OpenAI's shape has
 * no signed reasoning, Anthropic's has no audio).
 */

/** Where the bytes of an image, an audio clip or a file are. */
export type MediaSource =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'base64'; readonly mediaType: string; readonly data: string }
  /** A file uploaded to a provider before: the id means something there only, and `wire` is the format it came in. */
  | { readonly kind: 'id'; readonly id: string; readonly wire?: Wire }
  /** Plain text handed over as a document. */
  | { readonly kind: 'text'; readonly mediaType: string; readonly text: string }

/** A prompt-cache mark: everything up to and with this block may be cached. */
export interface CacheMark {
  /** Lifetime the caller asked for; absent means the provider's default. */
  readonly ttl?: '5m' | '1h'
}

/** A piece of the answer and where it comes from. `raw` is the provider's own record, kept for a client of the same wire format. */
export interface Citation {
  readonly url?: string
  readonly title?: string
  readonly citedText?: string
  /** Character positions in the answer's text that the citation supports. */
  readonly startIndex?: number
  readonly endIndex?: number
  readonly raw?: WireValue
}

/** A value that only one wire format understands, with the name of that format. */
export interface WireValue {
  readonly wire: Wire
  readonly value: unknown
}

/** The wire formats that providers and clients speak. A provider names one; many providers share `openai-chat`. */
export type Wire =
  | 'openai-chat'
  | 'anthropic-messages'
  | 'gemini'
  | 'mistral'
  | 'cohere'
  | 'bedrock-converse'
  | 'workers-ai'
  | 'ollama'

export interface TextBlock {
  readonly type: 'text'
  readonly text: string
  readonly cache?: CacheMark
  readonly citations?: readonly Citation[]
}

export interface ImageBlock {
  readonly type: 'image'
  readonly source: MediaSource
  /** OpenAI's `detail`. */
  readonly detail?: string
  readonly cache?: CacheMark
}

export interface AudioBlock {
  readonly type: 'audio'
  readonly source: MediaSource
  /** Container name as OpenAI spells it: `wav`, `mp3`, ... */
  readonly format?: string
  readonly cache?: CacheMark
}

export interface VideoBlock {
  readonly type: 'video'
  readonly source: MediaSource
  readonly cache?: CacheMark
}

export interface FileBlock {
  readonly type: 'file'
  readonly source: MediaSource
  readonly name?: string
  /** Anthropic's `context` beside a document. */
  readonly context?: string
  /** Asks the model to cite this document. */
  readonly citations?: boolean
  readonly cache?: CacheMark
}

/**
 * The model's own thinking. `signature` (and `redacted`, the encrypted form)
 * proves it to the provider that made it and is worthless elsewhere.
 */
export interface ReasoningBlock {
  readonly type: 'reasoning'
  readonly text: string
  readonly signature?: string
  readonly redacted?: string
  /** The wire format whose provider signed it. */
  readonly wire?: Wire
}

export interface ToolCallBlock {
  readonly type: 'toolCall'
  readonly id: string
  readonly name: string
  /** The arguments as the JSON text the model wrote; for a `custom` tool, free text. */
  readonly arguments: string
  readonly custom?: boolean
  readonly cache?: CacheMark
  /** Gemini signs the thought that led to a call on the call itself. */
  readonly signature?: string
}

export interface ToolResultBlock {
  readonly type: 'toolResult'
  readonly toolCallId: string
  /** The tool's name, where the wire format carries it. */
  readonly name?: string
  readonly content: readonly Block[]
  readonly isError?: boolean
  readonly cache?: CacheMark
}

export interface RefusalBlock {
  readonly type: 'refusal'
  readonly text: string
  readonly cache?: CacheMark
}

/** Audio or an image that the model made. */
export interface MediaBlock {
  readonly type: 'media'
  readonly kind: 'audio' | 'image'
  readonly mediaType?: string
  /** Base64. */
  readonly data?: string
  readonly url?: string
  readonly id?: string
  readonly transcript?: string
  readonly expiresAt?: number
}

/** A block that only its own wire format understands (a provider's server-side tool call and its result). */
export interface OpaqueBlock {
  readonly type: 'opaque'
  readonly raw: WireValue
}

export type Block =
  | TextBlock
  | ImageBlock
  | AudioBlock
  | VideoBlock
  | FileBlock
  | ReasoningBlock
  | ToolCallBlock
  | ToolResultBlock
  | RefusalBlock
  | MediaBlock
  | OpaqueBlock
