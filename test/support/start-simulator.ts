import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { unstable_startWorker } from 'wrangler'

/** One request as the simulator tells it; `simulator/request-log.ts` explains the fields. */
export interface SeenRequest {
  readonly id: string
  readonly provider: string
  readonly model: string | null
  readonly timeMs: number
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
  readonly status: number | null
  readonly faults: readonly string[]
  readonly replay: string | null
  readonly aborted: boolean
  readonly done: boolean
  readonly bytesSent: number
  readonly durationMs: number | null
  readonly billed: {
    readonly input: number
    readonly output: number
    readonly cacheRead: number
    readonly cacheWrite: number
  }
}

export interface RunningSimulator {
  /** Without a slash at the end; providers are below it: `${url}/openai`. */
  readonly url: string
  /** Adds a fault (`POST /__control/faults`) and answers its id. */
  fault(rule: object): Promise<string>
  /** Adds a replay (`POST /__control/replay`) and answers its id. */
  replay(rule: object): Promise<string>
  requests(provider?: string): Promise<readonly SeenRequest[]>
  /** Waits until `found` picks a request out of the log: hang-ups arrive a little late. */
  waitForRequest(found: (request: SeenRequest) => boolean): Promise<SeenRequest>
  pace(firstByteMs: number, perChunkMs: number): Promise<void>
  reset(): Promise<void>
  close(): Promise<void>
}

export interface SimulatorOptions {
  /** Default 0: as fast as it goes. A reset returns to these. */
  readonly firstByteMs?: number
  readonly perChunkMs?: number
  readonly seed?: number
  readonly port?: number
}

const waitMs = 5000
const pollMs = 20

/** Starts the simulator on real workerd, on a free port of the loopback; ready in half a second. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<RunningSimulator> {
  process.env['CLOUDFLARE_CF_FETCH_ENABLED'] = 'false'
  const state = mkdtempSync(join(tmpdir(), 'switchyard-simulator-'))
  const text = (value: number) => ({ type: 'plain_text' as const, value: String(value) })
  const worker = await unstable_startWorker({
    config: resolve(import.meta.dirname, '../../simulator/wrangler.toml'),
    bindings: {
      FIRST_BYTE_MS: text(options.firstByteMs ?? 0),
      PER_CHUNK_MS: text(options.perChunkMs ?? 0),
      ...(options.seed === undefined ? {} : { SEED: text(options.seed) }),
    },
    dev: {
      server: { hostname: '127.0.0.1', port: options.port ?? 0 },
      watch: false,
      remote: false,
      inspector: false,
      // Faults that cut a connection are errors to the runtime, and it says so.
      logLevel: 'none',
      persist: state,
    },
  })
  await worker.ready
  const { origin } = await worker.url
  return controlsOf(origin, async () => {
    await worker.dispose()
    rmSync(state, { recursive: true, force: true })
  })
}

function controlsOf(url: string, close: () => Promise<void>): RunningSimulator {
  const post = async (path: string, body: object): Promise<Record<string, unknown>> => {
    const response = await fetch(`${url}/__control/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
    })
    const answer = (await response.json()) as Record<string, unknown>
    if (!response.ok) throw new Error(`simulator refused ${path}: ${JSON.stringify(answer)}`)
    return answer
  }
  const requests = async (provider?: string): Promise<readonly SeenRequest[]> => {
    const query = provider === undefined ? '' : `?provider=${encodeURIComponent(provider)}`
    const response = await fetch(`${url}/__control/requests${query}`)
    const answer = (await response.json()) as { readonly requests: readonly SeenRequest[] }
    return answer.requests
  }
  return {
    url,
    fault: async (rule) => String((await post('faults', rule))['id']),
    replay: async (rule) => String((await post('replay', rule))['id']),
    requests,
    waitForRequest: async (found) => {
      const endMs = Date.now() + waitMs
      for (;;) {
        const seen = (await requests()).find(found)
        if (seen !== undefined) return seen
        if (Date.now() > endMs) throw new Error(`no such request within ${waitMs} ms`)
        await new Promise((done) => setTimeout(done, pollMs))
      }
    },
    pace: async (firstByteMs, perChunkMs) => {
      await post('pace', { firstByteMs, perChunkMs })
    },
    reset: async () => {
      await post('reset', {})
    },
    close,
  }
}
