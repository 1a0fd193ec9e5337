import type { FleetMember } from '../support/start-fleet.ts'
import type { StormRequest } from './requests.ts'

/** What a client saw of one request. */
export interface Outcome {
  readonly request: StormRequest
  readonly isolate: FleetMember
  /** Null: it left, or was left, before the headers came. */
  readonly requestId: string | null
  readonly status: number | null
  readonly errorCode: string | null
  readonly message: string | null
  /** As the answer says, nano-USD. */
  readonly remainingNanoUsd: number | null
  /** How long the request waited for its money, ms; null where the answer does not say. */
  readonly admitMs: number | null
  /** `gone`: the client left. `broken`: the connection broke, as that of a process that dies. */
  readonly ending: 'whole' | 'gone' | 'broken'
  /** What all that came says, at most the first 400 characters. */
  readonly body: string
}

/** Sends one request and takes its answer as it is told to. Never throws. */
export async function send(
  request: StormRequest,
  isolate: FleetMember,
  key: string,
): Promise<Outcome> {
  const leaving = new AbortController()
  const { reading } = request
  const timer =
    reading.kind === 'leaves' ? setTimeout(() => leaving.abort(), reading.afterMs) : undefined
  let response: Response | null = null
  let body = ''
  let ending: Outcome['ending'] = 'whole'
  try {
    response = await fetch(`${isolate.url}${request.path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(request.body),
      signal: leaving.signal,
    })
    body = await readAs(request, response, leaving)
  } catch {
    ending = 'broken'
  }
  clearTimeout(timer)
  if (leaving.signal.aborted) ending = 'gone'
  return { request, isolate, ending, body, ...seenIn(response, body) }
}

async function readAs(
  { reading }: StormRequest,
  response: Response,
  leaving: AbortController,
): Promise<string> {
  const reader = response.body?.getReader()
  if (reader === undefined) return ''
  const decoder = new TextDecoder()
  let text = ''
  for (let chunks = 0; ; chunks += 1) {
    const isLast = 'afterChunks' in reading && response.ok && chunks >= reading.afterChunks
    if (isLast) {
      if (reading.kind === 'dawdles')
        await new Promise((resolve) => setTimeout(resolve, reading.pauseMs))
      leaving.abort()
    }
    const { done, value } = await reader.read()
    if (done) return text
    if (text.length < 4000) text += decoder.decode(value, { stream: true })
  }
}

type Seen = Omit<Outcome, 'request' | 'isolate' | 'ending' | 'body'>

function seenIn(response: Response | null, body: string): Seen {
  const header = (name: string) => response?.headers.get(name) ?? null
  const remaining = header('x-switchyard-budget-remaining-usd')
  const admit = /admit;dur=([\d.]+)/.exec(header('server-timing') ?? '')?.[1]
  const error = response === null || response.ok ? null : errorIn(body)
  return {
    requestId: header('x-switchyard-request-id'),
    status: response?.status ?? null,
    errorCode: error?.code ?? null,
    message: error?.message ?? null,
    remainingNanoUsd: remaining === null ? null : nanoOfUsd(remaining),
    admitMs: admit === undefined ? null : Number(admit),
  }
}

function errorIn(body: string): { readonly code: string; readonly message: string } | null {
  try {
    const { error } = JSON.parse(body) as {
      readonly error?: { readonly code?: string; readonly type?: string; readonly message?: string }
    }
    return error === undefined
      ? null
      : { code: error.code ?? error.type ?? '', message: error.message ?? '' }
  } catch {
    return null
  }
}

/** A decimal in USD, without a float in between. */
export function nanoOfUsd(text: string): number {
  const [whole = '0', fraction = ''] = text.split('.')
  return Number(`${whole}${fraction.slice(0, 9).padEnd(9, '0')}`)
}
