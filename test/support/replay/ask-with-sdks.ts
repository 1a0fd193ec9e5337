import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import type { Answer } from '../../conformance/answer.ts'
import {
  readAnthropicJson,
  readAnthropicStream,
} from '../../conformance/readers/anthropic-messages.ts'
import {
  readOpenAiJson,
  readOpenAiStream,
  type ReadAnswer,
} from '../../conformance/readers/openai-chat.ts'
import type { DialectId, Door } from '../ask-gateway.ts'

/** How one client asks. `usage`: the stream ends with a usage block, and so OpenAI's may be relayed. */
export interface Way {
  readonly name: string
  readonly dialect: DialectId
  readonly more: Readonly<Record<string, unknown>>
}

/** OpenAI's client with a usage block (relay where the provider speaks OpenAI), with the cost in it (translate), and Anthropic's. */
export const ways: readonly Way[] = [
  { name: 'openai', dialect: 'openai', more: { stream_options: { include_usage: true } } },
  { name: 'openai with cost', dialect: 'openai', more: { usage: { include: true } } },
  { name: 'anthropic', dialect: 'anthropic', more: {} },
]

/** What a client got: the bytes as they came, and what its SDK made of them. */
export interface Heard {
  readonly status: number
  readonly headers: Headers
  /** The body by the strict reader of the dialect; null when it is an error body. */
  readonly raw: ReadAnswer | null
  /** What the SDK gave its caller; null when it threw before it had a whole answer. */
  readonly sdk: Answer | null
  readonly error: HeardError | null
}

export interface HeardError {
  readonly name: string
  readonly message: string
  readonly status: number | null
  readonly code: string | null
  /** True for the SDK's own error for an error that the gateway sent. */
  readonly typed: boolean
}

/** Asks `model` with the dialect's official client, without its retries. */
export async function askWithSdk(
  door: Door,
  way: Way,
  model: string,
  stream: boolean,
): Promise<Heard> {
  let response: Response | undefined
  let body: Promise<string> = Promise.resolve('')
  const tapped: typeof fetch = async (input, init) => {
    // Without the SDK's signal: it hangs up at an error event, and every byte shall be seen.
    const answer = await fetch(input, { ...init, signal: null })
    response = answer.clone()
    body = answer.clone().text()
    return answer
  }
  const ask = way.dialect === 'openai' ? askOpenAi : askAnthropic
  const { sdk, error } = await ask(door, way, model, stream, tapped)
  if (response === undefined) throw new Error(`no response: ${error?.name ?? 'no error either'}`)
  const { status, headers } = response
  const text = await body
  return {
    status,
    headers,
    raw: status === 200 ? read(way.dialect, stream, text) : null,
    sdk,
    error,
  }
}

function read(dialect: DialectId, stream: boolean, text: string): ReadAnswer {
  if (dialect === 'openai')
    return stream ? readOpenAiStream(text) : readOpenAiJson(JSON.parse(text))
  return stream ? readAnthropicStream(text) : readAnthropicJson(JSON.parse(text))
}

interface Asked {
  readonly sdk: Answer | null
  readonly error: HeardError | null
}

type Ask = (
  door: Door,
  way: Way,
  model: string,
  stream: boolean,
  tapped: typeof fetch,
) => Promise<Asked>

const messages = [{ role: 'user' as const, content: 'hello' }]

const askOpenAi: Ask = async (door, way, model, stream, tapped) => {
  const client = new OpenAI({
    apiKey: door.key,
    baseURL: `${door.url}/v1`,
    maxRetries: 0,
    fetch: tapped,
  })
  try {
    if (!stream) {
      const whole = await client.chat.completions.create({ model, messages })
      return { sdk: readOpenAiJson(JSON.parse(JSON.stringify(whole))).answer, error: null }
    }
    const chunks = await client.chat.completions.create({
      model,
      messages,
      stream: true,
      ...way.more,
    })
    let text = ''
    for await (const chunk of chunks) text += `data: ${JSON.stringify(chunk)}\n\n`
    return { sdk: readOpenAiStream(`${text}data: [DONE]\n\n`).answer, error: null }
  } catch (cause) {
    return { sdk: null, error: heardError(cause, cause instanceof OpenAI.APIError) }
  }
}

const askAnthropic: Ask = async (door, way, model, stream, tapped) => {
  const client = new Anthropic({
    apiKey: door.key,
    baseURL: door.url,
    maxRetries: 0,
    fetch: tapped,
  })
  const params = { model, messages, max_tokens: 1000, ...way.more }
  try {
    const message = stream
      ? await client.messages.stream(params).finalMessage()
      : await client.messages.create(params)
    return { sdk: readAnthropicJson(JSON.parse(JSON.stringify(message))).answer, error: null }
  } catch (cause) {
    return { sdk: null, error: heardError(cause, cause instanceof Anthropic.APIError) }
  }
}

function heardError(cause: unknown, typed: boolean): HeardError {
  const { message, status, error, code } = cause as Error & {
    status?: number
    code?: unknown
    error?: { code?: unknown; error?: { code?: unknown } }
  }
  const found = error?.error?.code ?? error?.code ?? code
  return {
    name: (cause as object).constructor.name,
    message: message.slice(0, 200),
    status: status ?? null,
    code: typeof found === 'string' ? found : null,
    typed,
  }
}
