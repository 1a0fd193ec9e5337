import { createHash } from 'node:crypto'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const candidates = ['python3.13', 'python3.12', 'python3.11', 'python3', 'python']
const leastMinor = 10
/** LiteLLM's proxy brings some hundred packages, ms. */
const installTimeoutMs = 15 * 60_000

/** The first Python 3.10 or newer on the path. Throws when there is none. */
export function findPython(): string {
  for (const name of candidates) {
    const { status, stdout } = spawnSync(
      name,
      ['-c', 'import sys; print(sys.version_info[0], sys.version_info[1])'],
      { encoding: 'utf8' },
    )
    const [major, minor] = (stdout ?? '').trim().split(' ').map(Number)
    if (status === 0 && major === 3 && (minor ?? 0) >= leastMinor) return name
  }
  throw new Error(`no Python 3.${leastMinor} or newer: tried ${candidates.join(', ')}`)
}

export interface Environment {
  /** Holds the interpreter and the scripts of its packages. */
  readonly bin: string
  readonly wasThere: boolean
}

/**
 * A virtual environment in `folder` with the packages of `requirements`. Made
 * once: a stamp of the requirements tells whether it is still the right one.
 */
export async function ensureEnvironment(
  python: string,
  folder: string,
  requirements: string,
): Promise<Environment> {
  const bin = join(folder, process.platform === 'win32' ? 'Scripts' : 'bin')
  const stampFile = join(folder, '.installed')
  const stamp = createHash('sha256').update(readFileSync(requirements)).digest('hex')
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp)
    return { bin, wasThere: true }
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  await run(python, ['-m', 'venv', folder])
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check']
  await run(join(bin, 'python'), [...pip, '-r', requirements])
  writeFileSync(stampFile, stamp)
  return { bin, wasThere: false }
}

function run(command: string, parameters: readonly string[]): Promise<void> {
  return new Promise((done, fail) => {
    const child = spawn(command, parameters, {
      stdio: ['ignore', 'inherit', 'inherit'],
      timeout: installTimeoutMs,
    })
    child.once('error', fail)
    child.once('exit', (code, signal) => {
      if (code === 0) done()
      else fail(new Error(`${command} ${parameters.join(' ')} ended with ${code ?? signal}`))
    })
  })
}
