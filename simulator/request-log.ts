import type { Json } from './json.ts'

/** Requests that are remembered. */
const maxRequests = 2000
/** Characters of bodies that are remembered over all requests. */
const maxBodyCharacters = 64 * 1024 * 1024

/** What a provider bills for one call. `input` counts cached tokens too; `output` what was generated. */
export interface Billed {
  readonly input: number
  readonly output: number
  readonly cacheRead: number
  readonly cacheWrite: number
}

export const nothingBilled: Billed = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 }

/** One request as `GET /__control/requests` tells it. */
export interface LoggedRequest {
  readonly id: string
  readonly provider: string
  readonly model: string | null
  /** When it arrived, ms since 1970, and the same as ISO text. */
  readonly timeMs: number
  readonly time: string
  readonly method: string
  /** Below `/{provider}`, with its query. */
  readonly path: string
  /** Lower-case names; credentials as `sha256:<hex>`. */
  readonly headers: Readonly<Record<string, string>>
  /** JSON where it is JSON, else the text. */
  readonly body: Json
  /** null as long as nothing was answered. */
  status: number | null
  /** Kinds of the faults that hit it. */
  faults: readonly string[]
  replay: string | null
  /** True once the caller hung up before the end. */
  aborted: boolean
  /** True once nothing more can happen to it. */
  done: boolean
  /** Body bytes that went out. */
  bytesSent: number
  durationMs: number | null
  billed: Billed
}

/** The last requests, bounded in number and in size. */
export class RequestLog {
  #entries: { readonly entry: LoggedRequest; readonly size: number }[] = []
  #size = 0

  add(entry: LoggedRequest, size: number): void {
    this.#entries.push({ entry, size })
    this.#size += size
    while (this.#entries.length > maxRequests || this.#size > maxBodyCharacters) {
      const oldest = this.#entries.shift()
      if (oldest === undefined) return
      this.#size -= oldest.size
    }
  }

  /** In order of arrival; `sinceMs` is inclusive. */
  list(provider: string | null, sinceMs: number): LoggedRequest[] {
    return this.#entries
      .map(({ entry }) => entry)
      .filter((entry) => provider === null || entry.provider === provider)
      .filter((entry) => entry.timeMs >= sinceMs)
  }

  get length(): number {
    return this.#entries.length
  }

  clear(): void {
    this.#entries = []
    this.#size = 0
  }
}
