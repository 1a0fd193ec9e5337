import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** A recorded stream under `test/fixtures/providers/`. */
export interface RecordedStream {
  readonly provider: string
  readonly name: string
  readonly bytes: Uint8Array
}

const fixtures = resolve(import.meta.dirname, '../fixtures/providers')

/** Every recorded stream of the repository, by provider. */
export function recordedStreams(): RecordedStream[] {
  return readdirSync(fixtures).flatMap((provider) =>
    readdirSync(join(fixtures, provider))
      .filter((name) => name.startsWith('stream-'))
      .map((name) => {
        const folder = join(fixtures, provider, name)
        const meta = JSON.parse(readFileSync(join(folder, 'meta.json'), 'utf8')) as {
          readonly response_file: string
        }
        return { provider, name, bytes: readFileSync(join(folder, meta.response_file)) }
      }),
  )
}
