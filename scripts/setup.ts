/**
 * `npm run setup`: what a first deployment needs. Makes a pepper, an admin key
 * and a first data-plane key, stores the pepper and the keys' digests as
 * secrets, and prints the keys once; nobody can read them back.
 */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { readArguments } from './read-arguments.ts'
import { readConfig } from '../worker/edge/config.ts'
import { digestKey, formatKey, parseKey } from '../worker/edge/keys.ts'

const help = `npm run setup -- [options]

  --tenant NAME   tenant of the first data-plane key (default: the first of routes.json)
  --dry-run       make everything, set nothing: prints the secrets as JSON for another tool to store
  --help          this text

Needs "wrangler login" (or CLOUDFLARE_API_TOKEN). Running it again replaces pepper and keys: old keys stop working.
`

const root = resolve(import.meta.dirname, '..')
const { values } = readArguments({
  options: {
    tenant: { type: 'string' },
    'dry-run': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

function configuredTenants(): string[] {
  const read = readConfig(JSON.parse(readFileSync(join(root, 'routes.json'), 'utf8')), {
    local: false,
  })
  if (!read.ok) throw new Error('routes.json is refused; "npm start" says why')
  return Object.keys(read.config.tenants)
}

function stored(key: string, pepper: string): string {
  const parts = parseKey(key)
  if (parts === null) throw new Error('a key that was just made has not the form of a key')
  return JSON.stringify([{ tenant: parts.tenant, id: parts.id, digest: digestKey(key, pepper) }])
}

function setSecrets(secrets: Readonly<Record<string, string>>): void {
  const wrangler = join(root, 'node_modules/wrangler/bin/wrangler.js')
  const run = spawnSync(process.execPath, [wrangler, 'secret', 'bulk'], {
    cwd: root,
    input: JSON.stringify(secrets),
    stdio: ['pipe', 'inherit', 'inherit'],
  })
  if (run.status !== 0)
    throw new Error('wrangler could not set the secrets; nothing is to be kept of the keys')
}

function main(): void {
  if (values.help) {
    process.stdout.write(help)
    return
  }
  const tenants = configuredTenants()
  const tenant = values.tenant ?? tenants[0] ?? ''
  if (!tenants.includes(tenant))
    throw new Error(
      `--tenant must be one of routes.json: ${tenants.join(', ')} (found "${tenant}")`,
    )
  const pepper = randomBytes(32).toString('hex')
  const key = formatKey(tenant, randomBytes(40))
  const adminKey = formatKey('admin', randomBytes(40))
  const secrets = {
    SWITCHYARD_PEPPER: pepper,
    SWITCHYARD_KEYS: stored(key, pepper),
    SWITCHYARD_ADMIN_KEYS: stored(adminKey, pepper),
  }
  if (values['dry-run'])
    process.stdout.write(`${JSON.stringify({ secrets, key, adminKey }, null, 2)}\n`)
  else {
    setSecrets(secrets)
    process.stdout.write(
      `\nadmin key, shown once:      ${adminKey}\ndata-plane key, shown once: ${key}\n`,
    )
  }
}

try {
  main()
} catch (cause) {
  process.stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n`)
  process.exitCode = 1
}
