/** Reads a routes.json for the scripts, as the gateway itself does. */
import { readFileSync } from 'node:fs'
import {
  ConfigurationError,
  describeProblems,
  readConfig,
  type ConfigProblem,
} from '../worker/edge/config.ts'
import type { Config } from '../worker/edge/config-schema.ts'
import { createRuntime, type Runtime } from '../worker/edge/runtime.ts'

/** A routes.json as the gateway reads it; throws with path, rule and value what can never work. */
export function readRoutes(
  file: string,
  variables: Readonly<Record<string, string>> = {},
): Runtime {
  return readRoutesAsWritten(file, variables).runtime
}

/** With the configuration as the file has it, before targets are chosen for tiers that name none. */
export function readRoutesAsWritten(
  file: string,
  variables: Readonly<Record<string, string>> = {},
): { readonly written: Config; readonly runtime: Runtime } {
  const read = readConfig(readJson(file), { local: true })
  if (!read.ok) throw refused(file, read.problems)
  const { config: written, version } = read
  return { written, runtime: runtimeOf(file, written, version, variables) }
}

/** The very thing that the Worker will make of the file. */
function runtimeOf(
  file: string,
  config: Config,
  version: string,
  variables: Readonly<Record<string, string>>,
): Runtime {
  try {
    return createRuntime(config, version, { ...variables, SWITCHYARD_LOCAL: '1' })
  } catch (cause) {
    if (!(cause instanceof ConfigurationError) || cause.problems.length === 0) throw cause
    throw refused(file, cause.problems)
  }
}

/** What is thrown of a file that cannot be served. */
export function refused(file: string, problems: readonly ConfigProblem[]): Error {
  return new Error(`${file} is refused:\n${describeProblems(problems)}`)
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new Error(
      `${file} cannot be read as JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    )
  }
}
