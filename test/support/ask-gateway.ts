/** How a client of a dialect sees one answer: enough to tell an answer, an error and a false end apart. */
export interface Seen {
  readonly status: number
  readonly headers: Headers
  readonly raw: string
  readonly stream: boolean
  /** All text of the answer. */
  readonly text: string
  /** The dialect's end mark came (`[DONE]`, `message_stop`); for a whole answer, that it is one. */
  readonly ended: boolean
  /** The error of the body, or of the stream's error event. */
  readonly error: SeenError | null
  /** Events after the error event. */
  readonly afterError: number
  /** Events after the end mark: the cost, which is a comment, is none. */
  readonly afterEnd: number
  /** Events that are no JSON. */
  readonly broken: number
  readonly heartbeats: number
  readonly durationMs: number
}

export interface SeenError {
  readonly type: string
  readonly code: string | null
  readonly message: string
}

export type DialectId = 'openai' | 'anthropic'

export const dialectIds: readonly DialectId[] = ['openai', 'anthropic']

export interface Question {
  readonly dialect: DialectId
  readonly model: string
  readonly stream?: boolean
  readonly prompt?: string
  /** Fields beside, or in place of, the usual ones. */
  readonly more?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  /** Told of everything that has come so far, each time more comes. */
  readonly onRaw?: (soFar: string) => void
}

export interface Door {
  readonly url: string
  readonly key: string
}

/** The smallest body of a dialect that asks `prompt`. */
export function bodyOf({ dialect, model, stream = false, prompt = 'hello', more = {} }: Question) {
  return {
    model,
    messages: [{ role: 'user', content: prompt }],
    ...(stream ? { stream: true } : {}),
    ...(dialect === 'anthropic' ? { max_tokens: 1000 } : {}),
    ...more,
  }
}

export function pathOf(dialect: DialectId): string {
  return dialect === 'openai' ? '/v1/chat/completions' : '/v1/messages'
}

/** Longest that any answer may take, ms: a hang is a failure of the test, not its end. */
const hangMs = 20_000

export async function ask(door: Door, question: Question): Promise<Seen> {
  const startedMs = performance.now()
  const response = await fetch(door.url + pathOf(question.dialect), {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${door.key}`,
      ...question.headers,
    },
    body: JSON.stringify(bodyOf(question)),
    signal: question.signal ?? AbortSignal.timeout(hangMs),
  })
  const raw = await textOf(response, question.onRaw)
  return read(question.dialect, response, raw, performance.now() - startedMs)
}

async function textOf(response: Response, onRaw: Question['onRaw']): Promise<string> {
  if (onRaw === undefined || response.body === null) return response.text()
  const decoder = new TextDecoder()
  let raw = ''
  for await (const bytes of response.body) {
    raw += decoder.decode(bytes, { stream: true })
    onRaw(raw)
  }
  return raw
}

export function read(
  dialect: DialectId,
  response: Response,
  raw: string,
  durationMs: number,
): Seen {
  const { status, headers } = response
  const stream = (headers.get('content-type') ?? '').startsWith('text/event-stream')
  const found = stream ? readStream(dialect, raw) : readWhole(dialect, raw)
  return { status, headers, raw, stream, durationMs, ...found }
}

type Found = Pick<
  Seen,
  'text' | 'ended' | 'error' | 'afterError' | 'afterEnd' | 'broken' | 'heartbeats'
>

const nothing: Found = {
  text: '',
  ended: false,
  error: null,
  afterError: 0,
  afterEnd: 0,
  broken: 0,
  heartbeats: 0,
}

function readWhole(dialect: DialectId, raw: string): Found {
  const body = parse(raw)
  if (body === null) return { ...nothing, broken: 1 }
  const error = errorOf(body)
  if (error !== null) return { ...nothing, error }
  if (dialect === 'openai') {
    const [choice] = list(body['choices'])
    const text = object(choice?.['message'])['content']
    return { ...nothing, text: String(text ?? ''), ended: choice?.['finish_reason'] !== undefined }
  }
  const text = list(body['content']).map((block) => String(block['text'] ?? ''))
  return { ...nothing, text: text.join(''), ended: body['stop_reason'] !== undefined }
}

function readStream(dialect: DialectId, raw: string): Found {
  const found = { ...nothing }
  // A carriage return alone ends a line as well.
  for (const event of raw.replaceAll(/\r\n?/g, '\n').split('\n\n')) {
    if (event === '') continue
    const lines = event.split('\n')
    if (lines.every((line) => line.startsWith(':'))) {
      if (!event.startsWith(': cost-usd')) found.heartbeats += 1
      continue
    }
    const data = lines.flatMap((line) => (line.startsWith('data:') ? [line.slice(5).trim()] : []))
    readEvent(dialect, data.join('\n'), found)
  }
  return found
}

function readEvent(dialect: DialectId, data: string, found: Writable<Found>): void {
  if (found.error !== null) found.afterError += 1
  if (found.ended) found.afterEnd += 1
  if (data === '[DONE]') {
    found.ended = true
    return
  }
  const event = parse(data)
  if (event === null) {
    found.broken += 1
    return
  }
  found.error ??= errorOf(event)
  if (dialect === 'anthropic') {
    if (event['type'] === 'message_stop') found.ended = true
    if (event['type'] === 'ping') found.heartbeats += 1
    found.text += String(object(event['delta'])['text'] ?? '')
    return
  }
  for (const choice of list(event['choices']))
    found.text += String(object(choice['delta'])['content'] ?? '')
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] }

function errorOf(body: Record<string, unknown>): SeenError | null {
  const { error } = body
  if (typeof error !== 'object' || error === null) return null
  const { type, code, message } = error as Record<string, unknown>
  return {
    type: String(type),
    code: typeof code === 'string' ? code : null,
    message: String(message),
  }
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return object(value)
  } catch {
    return null
  }
}

function object(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function list(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.map(object) : []
}
