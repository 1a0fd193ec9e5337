/**
 * How the Worker and an object that runs one request speak: `fetch`, with the request's own method, path and body, and
 * what was found out of it at the edge in one header. A Worker and its objects change version minutes apart
 * (developers.cloudflare.com/durable-objects/deployments/durable-objects-code-updates, read 2026-11-20): what is added
 * here is optional.
 */

export const contextHeader = 'x-switchyard-run-context'

export const runModes = ['serve', 'defer', 'attach', 'job', 'record'] as const

/**
 * `serve`: answer it, for as long as the client stays or, on a resumable route, to the end. `defer`: answer 202 and run
 * it. `attach`: what came after an event. `job`, `record`: how it stands.
 */
export type RunMode = (typeof runModes)[number]

export interface RunContext {
  readonly mode: RunMode
  /** With the tenant it makes the object's name. */
  readonly runId: string
  readonly tenant: string
  /** Of the request that brings it, not of the one that runs. */
  readonly requestId: string
  /** Where the object has to be; null: anywhere. */
  readonly residency: string | null
  /** `runId` is that of an idempotency key: another request with it may come, or has. */
  readonly isOnce: boolean
  /** The last event that the client has; 0: none. */
  readonly after: number
  /** For the pipeline; nothing of it is read here. */
  readonly hosted: unknown
}

const runIdForm = /^(req|once)_[0-9a-f]{32}$/

export function isRunId(text: string): boolean {
  return runIdForm.test(text)
}

/** ASCII: headers carry nothing else. */
export function writeContext(context: RunContext): string {
  return JSON.stringify(context).replaceAll(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Throws where it is none: only a bug of ours sends that. */
export function readContext(headers: Headers): RunContext {
  const value = JSON.parse(headers.get(contextHeader) ?? 'null') as Partial<RunContext> | null
  const { mode, runId, tenant, requestId, residency, isOnce, after } = value ?? {}
  if (
    mode === undefined ||
    !runModes.includes(mode) ||
    typeof runId !== 'string' ||
    !isRunId(runId) ||
    typeof tenant !== 'string' ||
    typeof requestId !== 'string' ||
    (residency !== null && typeof residency !== 'string') ||
    typeof isOnce !== 'boolean' ||
    !Number.isSafeInteger(after)
  )
    throw new Error('an object that runs a request was asked without saying for what')
  return value as RunContext
}

/** The id of an event of a stream: what a client sends as `last-event-id`. */
export function eventId(runId: string, number: number): string {
  return `${runId}.${number}`
}

/** Null for what is none of ours. */
export function readEventId(
  text: string,
): { readonly runId: string; readonly number: number } | null {
  const match = /^((?:req|once)_[0-9a-f]{32})\.(\d{1,9})$/.exec(text)
  if (match === null) return null
  const [, runId = '', number = ''] = match
  return { runId, number: Number(number) }
}
