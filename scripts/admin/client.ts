import { randomUUID } from 'node:crypto'
import { CommandFailure, wrongUse } from './failure.ts'

export interface AdminCall {
  readonly method?: 'GET' | 'PUT' | 'POST' | 'DELETE'
  /** Behind `/admin/v1`. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly body?: unknown
}

/** Speaks with a gateway's admin plane. */
export class AdminClient {
  readonly #url: string
  readonly #key: string
  readonly #idempotencyKey: string
  /** What the gateway says beside its answers. */
  readonly warnings = new Set<string>()

  constructor(url: string, key: string, idempotencyKey: string = randomUUID()) {
    this.#url = baseOf(url)
    this.#key = key
    this.#idempotencyKey = idempotencyKey
  }

  async json<Answer>(call: AdminCall): Promise<Answer> {
    const response = await this.#send(call, 'application/json')
    const text = await this.#text(call, response)
    try {
      return JSON.parse(text) as Answer
    } catch {
      throw new CommandFailure('away', `${this.#url} answered with something that is not JSON`)
    }
  }

  /** The body while it comes. */
  async csv(call: AdminCall): Promise<ReadableStream<Uint8Array>> {
    const { body } = await this.#send(call, 'text/csv')
    if (body === null) throw new CommandFailure('away', `${this.#url} answered without a body`)
    return body
  }

  async #send(call: AdminCall, accept: string): Promise<Response> {
    const { method = 'GET', path, query = {}, body } = call
    const url = new URL(`${this.#url}/admin/v1${path}`)
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, value)
    let response: Response
    try {
      response = await fetch(url, {
        method,
        headers: {
          accept,
          authorization: `Bearer ${this.#key}`,
          ...(method === 'GET' ? {} : { 'idempotency-key': this.#idempotencyKey }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        // Nobody else gets the key.
        redirect: 'manual',
      })
    } catch (cause) {
      throw this.#away(call, `${this.#url} cannot be reached: ${causeOf(cause)}`)
    }
    const warning = response.headers.get('x-switchyard-warning')
    if (warning !== null) this.warnings.add(warning)
    if (response.ok) return response
    throw await this.#refusal(call, response)
  }

  async #text(call: AdminCall, response: Response): Promise<string> {
    try {
      return await response.text()
    } catch (cause) {
      throw this.#away(call, `the answer of ${this.#url} broke off: ${causeOf(cause)}`)
    }
  }

  async #refusal(call: AdminCall, response: Response): Promise<CommandFailure> {
    const { status, headers } = response
    const requestId = headers.get('x-switchyard-request-id')
    const { code, message } = errorIn(await this.#text(call, response))
    const where = requestId === null ? '' : ` (${requestId})`
    const text = `${message ?? 'refused'} [${status}${code === null ? '' : ` ${code}`}]${where}`
    // Not built yet is a plain no; other statuses from 500 on leave open what was done.
    if (status >= 500 && status !== 501) return this.#away(call, text)
    const hint =
      status === 401 ? '\nIs SWITCHYARD_ADMIN_KEY, or --key-file, an admin key of it?' : ''
    return new CommandFailure('refused', text + hint)
  }

  #away({ method = 'GET' }: AdminCall, message: string): CommandFailure {
    const again =
      method === 'GET'
        ? ''
        : `\nIt may have been done. To send the same again: --idempotency-key ${this.#idempotencyKey}`
    return new CommandFailure('away', message + again)
  }
}

/** The key goes in the clear to this machine only. */
function baseOf(text: string): string {
  const url = URL.parse(text)
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw wrongUse(
      `--url: an address such as https://switchyard.example.workers.dev (found "${text}")`,
    )
  if (url.protocol === 'http:' && !['localhost', '127.0.0.1', '[::1]'].includes(url.hostname))
    throw wrongUse('--url: https, unless it is this machine: an admin key is not sent in the clear')
  return url.origin
}

function errorIn(text: string): { readonly code: string | null; readonly message: string | null } {
  try {
    const { error } = JSON.parse(text) as { error?: { code?: unknown; message?: unknown } }
    return {
      code: typeof error?.code === 'string' ? error.code : null,
      message: typeof error?.message === 'string' ? error.message : null,
    }
  } catch {
    return { code: null, message: null }
  }
}

function causeOf(fault: unknown): string {
  const { cause } = fault as { cause?: { code?: unknown } }
  return typeof cause?.code === 'string'
    ? cause.code
    : fault instanceof Error
      ? fault.message
      : 'no reason'
}
