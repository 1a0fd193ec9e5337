import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** What `meta.json` says about one recorded exchange (the corpus README names every field). */
export interface CaseMeta {
  readonly provider: string
  readonly operation: string
  /** What the request asked for; an error answered to a streaming request is still one JSON body. */
  readonly stream: boolean
  readonly status: number
  readonly model: string | null
  readonly origin: string
  readonly license: string
  readonly tags: readonly string[]
  /** Method and path, where the recording has them. */
  readonly endpoint: string | null
  readonly query: string | null
  readonly content_type: string | null
  readonly response_file: string
}

/** One recorded exchange. Bodies are read on demand, so that a list of a thousand cases stays small. */
export interface RecordedCase {
  /** `<provider>/<operation>/<case>`: how the case is named everywhere. */
  readonly id: string
  readonly provider: string
  readonly operation: string
  readonly directory: string
  readonly meta: CaseMeta
}

/** Finds every case under `root` in the corpus layout, sorted by id. Folders without `meta.json` are no cases. */
export function listCases(root: string): RecordedCase[] {
  const cases: RecordedCase[] = []
  for (const provider of folders(root)) {
    for (const operation of folders(join(root, provider))) {
      for (const name of folders(join(root, provider, operation))) {
        const directory = join(root, provider, operation, name)
        const metaPath = join(directory, 'meta.json')
        if (!existsSync(metaPath)) continue
        const meta = JSON.parse(readFileSync(metaPath, 'utf8')) as CaseMeta
        cases.push({ id: `${provider}/${operation}/${name}`, provider, operation, directory, meta })
      }
    }
  }
  return cases
}

/**
 * The recordings the repository carries, `<root>/<provider>/<case>/`: what
 * operation it is stands in `meta.json`. Ids are those of the corpus.
 */
export function listFixtures(root: string): RecordedCase[] {
  return folders(root).flatMap((provider) =>
    folders(join(root, provider)).flatMap((name) => {
      const directory = join(root, provider, name)
      const metaPath = join(directory, 'meta.json')
      if (!existsSync(metaPath)) return []
      const meta = JSON.parse(readFileSync(metaPath, 'utf8')) as CaseMeta
      const { operation } = meta
      return [{ id: `${provider}/${operation}/${name}`, provider, operation, directory, meta }]
    }),
  )
}

function folders(path: string): string[] {
  return readdirSync(path)
    .filter((name) => !name.startsWith('_') && !name.startsWith('.'))
    .filter((name) => statSync(join(path, name)).isDirectory())
    .sort()
}

export function responseBytes(recorded: RecordedCase): Uint8Array {
  return new Uint8Array(readFileSync(join(recorded.directory, recorded.meta.response_file)))
}

/** The body that was sent, or undefined where the recording has none. */
export function requestBody(recorded: RecordedCase): unknown {
  const path = join(recorded.directory, 'request.json')
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as unknown) : undefined
}

/** Recorded response headers with lower-case names; empty where the recording has none. */
export function responseHeaders(recorded: RecordedCase): ReadonlyMap<string, string> {
  const path = join(recorded.directory, 'response.headers.json')
  if (!existsSync(path)) return new Map()
  const headers = JSON.parse(readFileSync(path, 'utf8')) as Record<string, string | string[]>
  return new Map(
    Object.entries(headers).map(([name, value]) => [
      name.toLowerCase(),
      Array.isArray(value) ? value.join(', ') : String(value),
    ]),
  )
}

/** True when the body is a stream: what a streaming request got that was not answered by an error. */
export function isStreamed(recorded: RecordedCase): boolean {
  return recorded.meta.stream && recorded.meta.status < 400
}
