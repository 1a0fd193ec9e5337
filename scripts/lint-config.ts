/** `npm run lint:config [-- FILE]`: what of a routes.json can never work, and what is doubtful in it. */
import { join, resolve } from 'node:path'
import { chosenTiers } from '../worker/edge/chosen-tiers.ts'
import { doubtsOf } from '../worker/edge/config-lint.ts'
import { describeProblems } from '../worker/edge/config.ts'
import { readArguments } from './read-arguments.ts'
import { readRoutesAsWritten } from './read-routes.ts'

const help = `npm run lint:config -- [FILE]

Reads FILE (routes.json of this folder) as the gateway does.
Exit 1 when it is refused; with 0 every line printed is a warning, or says which
targets a tier takes that names none.`

const { values, positionals } = readArguments({
  options: { help: { type: 'boolean', default: false } },
  allowPositionals: true,
})
if (values.help) console.log(help)
else {
  const file = resolve(positionals[0] ?? join(import.meta.dirname, '../routes.json'))
  try {
    const { written, runtime } = readRoutesAsWritten(file)
    for (const line of chosenTiers(written, runtime.config)) console.log(line)
    const warnings = doubtsOf(runtime, Date.now())
    console.log(
      warnings.length === 0 ? `${file}: nothing to say` : `warning:\n${describeProblems(warnings)}`,
    )
  } catch (cause) {
    console.error(cause instanceof Error ? cause.message : String(cause))
    process.exitCode = 1
  }
}
