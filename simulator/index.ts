import { control } from './control.ts'
import { serve } from './serve.ts'
import { SimulatorState } from './state.ts'

/** Texts, as `vars` carry them; absent or not a number means the default. */
interface SimulatorEnv {
  readonly FIRST_BYTE_MS?: string
  readonly PER_CHUNK_MS?: string
  readonly SEED?: string
}

const defaultFirstByteMs = 20
const defaultPerChunkMs = 5
const defaultSeed = 20261120

let state: SimulatorState | null = null

/** Made at the first request, because the environment is not known before. */
function stateOf(env: SimulatorEnv): SimulatorState {
  state ??= new SimulatorState(
    {
      firstByteMs: numberOf(env.FIRST_BYTE_MS, defaultFirstByteMs),
      perChunkMs: numberOf(env.PER_CHUNK_MS, defaultPerChunkMs),
    },
    numberOf(env.SEED, defaultSeed),
  )
  return state
}

function numberOf(text: string | undefined, otherwise: number): number {
  const value = Number(text)
  return text === undefined || text === '' || !Number.isSafeInteger(value) || value < 0
    ? otherwise
    : value
}

/**
 * The simulated providers, for development and tests only: `/__control...`
 * steers, `/{provider}/...` answers. `/{provider}~{vendor}/...` answers as
 * `vendor` does: a provider may have any name.
 */
export default {
  async fetch(request, env, context) {
    const { pathname } = new URL(request.url)
    const [, first = ''] = pathname.split('/')
    const rest = pathname.slice(first.length + 1)
    if (first === '__control') return control(request, rest, stateOf(env))
    if (first === '')
      return Response.json({ error: 'use /{provider}/... or /__control' }, { status: 404 })
    const [provider = '', played = provider] = first.split('~')
    const who = { provider, played }
    try {
      return await serve(request, who, rest, stateOf(env), (promise) => context.waitUntil(promise))
    } catch (fault) {
      // The runtime would answer with a page that holds the stack, and callers quote what they are told.
      const error = { message: `the simulator failed: ${String(fault)}` }
      return Response.json({ error }, { status: 500 })
    }
  },
} satisfies ExportedHandler<SimulatorEnv>
