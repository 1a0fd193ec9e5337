import type { Answer, Ask } from './ask.ts'
import type { Json, JsonObject } from './json.ts'

/** One request as it reached a provider. */
export interface Call {
  readonly method: string
  /** Path below `/{provider}`, still percent-encoded. */
  readonly path: string
  readonly query: URLSearchParams
  /** Lower-case names. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: JsonObject
}

/** What went wrong, before it gets a vendor's own shape. */
export interface Problem {
  readonly status: number
  readonly message: string
  readonly code?: string
  readonly type?: string
  readonly param?: string
}

export function problem(
  status: number,
  message: string,
  more: Pick<Problem, 'code' | 'type' | 'param'> = {},
): Problem {
  return { status, message, ...more }
}

/** One message of a stream as it goes out. */
export interface Frame {
  readonly bytes: Uint8Array
  /** A comment is no event: `afterEvents` does not count it. */
  readonly kind: 'event' | 'comment'
  /** `finish`: says why the answer ended, or comes after that; `end`: the wire's end mark. */
  readonly mark: 'none' | 'finish' | 'end'
  /** Tokens that were generated for it. */
  readonly tokens: number
}

/** What a vendor makes of a wire format that it shares with others. */
export interface Vendor {
  readonly id: string
  readonly wire: WireName
  /** Needs no credential. */
  readonly keyless?: boolean
  /** Where OpenAI's wire carries reasoning; absent: only its token count is told. */
  readonly reasoningField?: 'reasoning_content' | 'reasoning'
  /** Streams end without `[DONE]`. */
  readonly withoutDone?: boolean
  /** When a stream carries usage: only if asked, always on the finish chunk, always after it, on every chunk. */
  readonly usage?: 'asked' | 'finish' | 'always' | 'each'
  /** Tool arguments come in one piece. */
  readonly wholeArguments?: boolean
  /** Fields it does not know are refused. */
  readonly strict?: boolean
}

export type WireName =
  | 'openai'
  | 'anthropic'
  | 'gemini'
  | 'mistral'
  | 'cohere'
  | 'bedrock'
  | 'workers-ai'
  | 'ollama'

export type Reading =
  | { readonly kind: 'answer'; readonly ask: Ask }
  | { readonly kind: 'count'; readonly ask: Ask }
  | { readonly kind: 'problem'; readonly problem: Problem }

/** What a writer needs besides the answer itself. */
export interface Writing {
  readonly vendor: Vendor
  readonly call: Call
  readonly ask: Ask
  readonly answer: Answer
  /** False under the fault `noUsage`. */
  readonly withUsage: boolean
  /** Number of the call since the last reset, for ids. */
  readonly sequence: number
  /** Seconds since 1970. */
  readonly createdS: number
}

export interface ErrorAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Json
}

/** One wire format: reads and checks requests as the vendor does, writes answers as the vendor does. Pure. */
export interface WireFormat {
  /** The vendor's complaint about a missing or bad credential; null when there is one. */
  authenticate(call: Call, vendor: Vendor): Problem | null
  read(call: Call, vendor: Vendor): Reading
  streamType(call: Call): string
  writeJson(writing: Writing): Json
  writeCount(ask: Ask): Json
  writeStream(writing: Writing): Frame[]
  writeError(problem: Problem, vendor: Vendor): ErrorAnswer
  /** The vendor's own way to report an error inside a stream that began with 200; `isFirst`: nothing went out before. */
  writeErrorFrames(problem: Problem, writing: Writing, isFirst: boolean): Frame[]
  /** `frame` so broken that no decoder can read it. */
  corrupt(frame: Frame): Frame
  readonly responseHeaders?: (sequence: number) => Readonly<Record<string, string>>
}
