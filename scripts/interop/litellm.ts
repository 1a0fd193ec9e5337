import { spawn, type ChildProcess } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'

/** Importing LiteLLM takes seconds, on a busy machine many, ms. */
const readyWithinMs = 180_000
const pollMs = 500
/** After it, an asked process is killed, ms. */
const stopWithinMs = 10_000

export const litellmKey = 'sk-litellm-local'

/**
 * What the proxy serves: an answer of its own, the simulated OpenAI and the
 * simulated Anthropic behind its own translation, and a server that is not there.
 */
function configOf(simulator: string): object {
  const model = (name: string, params: object) => ({ model_name: name, litellm_params: params })
  const api_key = 'none'
  return {
    model_list: [
      model('canned', {
        model: 'openai/gpt-4.1',
        api_key,
        mock_response: 'A canned answer, streamed or not.',
      }),
      model('through-openai', {
        model: 'openai/gpt-4.1',
        api_key,
        api_base: `${simulator}/openai/v1`,
      }),
      model('through-anthropic', {
        model: 'anthropic/claude-sonnet-4-5',
        api_key,
        api_base: `${simulator}/anthropic`,
      }),
      model('gone', { model: 'openai/gpt-4.1', api_key, api_base: 'http://127.0.0.1:9/v1' }),
    ],
    litellm_settings: { num_retries: 0, telemetry: false },
    router_settings: { num_retries: 0, disable_cooldowns: true },
    general_settings: { master_key: litellmKey },
  }
}

export interface LiteLlm {
  log(): string
  stop(): Promise<void>
}

/** Starts LiteLLM's proxy on `port` of the loopback; ready when it says that it is alive. */
export async function startLiteLlm(
  bin: string,
  port: number,
  simulator: string,
  folder: string,
): Promise<LiteLlm> {
  const config = join(folder, 'litellm.yaml')
  // JSON is YAML.
  writeFileSync(config, JSON.stringify(configOf(simulator), null, 2))
  const child = spawn(
    join(bin, 'litellm'),
    ['--config', config, '--host', '127.0.0.1', '--port', String(port)],
    {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        // Prices from the package instead of from the network, and nothing reported to anyone.
        LITELLM_LOCAL_MODEL_COST_MAP: 'True',
        LITELLM_TELEMETRY: 'False',
        DISABLE_ADMIN_UI: 'True',
      },
    },
  )
  const printed: string[] = []
  child.stdout.on('data', (bytes: Buffer) => printed.push(bytes.toString()))
  child.stderr.on('data', (bytes: Buffer) => printed.push(bytes.toString()))
  const log = () => printed.join('')
  try {
    await alive(child, `http://127.0.0.1:${port}/health/liveliness`)
  } catch (cause) {
    await stop(child)
    throw new Error(`LiteLLM did not start:\n${log().slice(-4000)}`, { cause })
  }
  return { log, stop: () => stop(child) }
}

async function alive(child: ChildProcess, url: string): Promise<void> {
  const endMs = Date.now() + readyWithinMs
  while (Date.now() < endMs) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`)
    const isAlive = await fetch(url, { signal: AbortSignal.timeout(5000) }).then(
      (response) => response.ok,
      () => false,
    )
    if (isAlive) return
    await new Promise((done) => setTimeout(done, pollMs))
  }
  throw new Error(`it was not ready within ${readyWithinMs} ms`)
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((done) => {
    if (child.exitCode !== null || child.signalCode !== null) return done()
    const timer = setTimeout(() => child.kill('SIGKILL'), stopWithinMs)
    child.once('exit', () => {
      clearTimeout(timer)
      done()
    })
    child.kill('SIGTERM')
  })
}

/** A port of the loopback that is free now. */
export function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer()
    server.once('error', fail)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => {
        if (address === null || typeof address === 'string') fail(new Error('no port'))
        else done(address.port)
      })
    })
  })
}
