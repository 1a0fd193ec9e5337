import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { digestKey, formatKey, parseKey } from '../worker/edge/keys.ts'
import { node, root } from './processes.ts'

const wrangler = join(root, 'node_modules/wrangler/bin/wrangler.js')

/** Runs wrangler and answers what it printed; a failure carries it in its message. */
export function runWrangler(args: readonly string[]): string {
  try {
    return execFileSync(node, [wrangler, ...args], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', WRANGLER_SEND_METRICS: 'false' },
    })
  } catch (cause) {
    const { stdout = '', stderr = '' } = cause as { stdout?: string; stderr?: string }
    throw new Error(`wrangler ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause })
  }
}

/**
 * What `wrangler deploy` would upload; `routes` stands in for `routes.json`. Answers the module's path. `isReadable`:
 * functions keep their names.
 */
export function buildSwitchyard(outdir: string, routes: string | null, isReadable = false): string {
  const alias = routes === null ? [] : ['--alias', `../../routes.json:${routes}`]
  const names = isReadable ? ['--minify=false'] : []
  runWrangler(['deploy', '--dry-run', '--outdir', outdir, ...alias, ...names])
  return join(outdir, 'index.js')
}

export interface BundleSize {
  readonly bytes: number
  readonly gzipBytes: number
}

export function bundleSize(script: string): BundleSize {
  const bytes = readFileSync(script)
  return { bytes: bytes.length, gzipBytes: gzipSync(bytes).length }
}

interface Routes {
  readonly providers: Readonly<Record<string, { readonly credential: object }>>
  readonly targets: Readonly<Record<string, object>>
  readonly routes: Readonly<Record<string, object>>
}

/**
 * The default `routes.json` with OpenAI and Anthropic at the mock upstream, and
 * one route for each scenario. Everything else stands as an operator has it:
 * all providers, all targets, prices from the catalog, a second tier.
 */
export function writeRoutes(file: string, upstreamPort: number, models: readonly string[]): void {
  const own = JSON.parse(readFileSync(join(root, 'routes.json'), 'utf8')) as Routes
  const host = `127.0.0.1:${upstreamPort}`
  const moved = (id: string) => {
    const provider = own.providers[id]
    if (provider === undefined) throw new Error(`routes.json has no provider "${id}"`)
    return {
      ...provider,
      baseUrl: `http://${host}/v1`,
      credential: { ...provider.credential, host },
    }
  }
  const providerOf = (model: string) => (model.startsWith('an-') ? 'anthropic' : 'openai')
  const catalogModel = { openai: 'gpt-4.1-mini', anthropic: 'claude-haiku-4-5' }
  const targets = models.map((model) => [
    `${model}@${providerOf(model)}`,
    { upstreamModel: model, catalogModel: catalogModel[providerOf(model)] },
  ])
  const routes = models.map((model) => [
    model,
    { tiers: [[`${model}@${providerOf(model)}`], ['gpt-4.1@openai']] },
  ])
  const merged = {
    ...own,
    // What money costs is measured by itself, so that the path under it can be compared.
    ledger: { mode: 'off' },
    providers: { ...own.providers, openai: moved('openai'), anthropic: moved('anthropic') },
    targets: { ...own.targets, ...Object.fromEntries(targets) },
    routes: { ...own.routes, ...Object.fromEntries(routes) },
  }
  writeFileSync(file, JSON.stringify(merged, null, 2))
}

/** A caller's key, and the variables under which the gateway knows it. */
export function makeKey(): { key: string; variables: Record<string, string> } {
  const pepper = randomBytes(32).toString('hex')
  const key = formatKey('demo', randomBytes(40))
  const stored = (secret: string): string => {
    const parts = parseKey(secret)
    if (parts === null) throw new Error('a key that was just made has not the form of a key')
    const { tenant, id } = parts
    return JSON.stringify([{ tenant, id, digest: digestKey(secret, pepper) }])
  }
  return {
    key,
    variables: {
      SWITCHYARD_LOCAL: '1',
      SWITCHYARD_PEPPER: pepper,
      SWITCHYARD_KEYS: stored(key),
      SWITCHYARD_ADMIN_KEYS: stored(formatKey('admin', randomBytes(40))),
      OPENAI_API_KEY: 'bench',
      ANTHROPIC_API_KEY: 'bench',
    },
  }
}
