/**
 * `npm run replay -- RECORD`: makes the plan of a decision record again.
 * `npm run replay -- --config NEW --records FILE`: what another configuration would change.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { catalogVersion, formatUsd } from '../worker/catalog/index.ts'
import { createRuntime, type Runtime } from '../worker/edge/runtime.ts'
import { readConfig, describeProblems } from '../worker/edge/config.ts'
import { root } from './local-gateway.ts'
import { readArguments } from './read-arguments.ts'
import { type Comparison, compare } from './replay/compare.ts'
import { readRecords, type ReadRecords } from './replay/read-records.ts'
import { replay } from './replay/replay.ts'
import { shadowTrials, trialTable, type ShadowTrial } from './replay/shadows.ts'
import { shown } from './replay/show.ts'

const help = `npm run replay -- RECORD [--config FILE]
npm run replay -- --config NEW --records FILE [--json]

RECORD  a decision record: JSON, or a file that holds it, or - for standard input. A log
        line of a request holds one in "switchyard.decision", the answers of
        POST /v1/explain and GET /v1/requests/{id} in "decision". Several lines are several
        records. Prints the plan, or the refusal, and all targets with score and reason,
        and what a shadow answered where its line is there, too.
        Exit 1 when it is not the one that was made.
--config FILE   the configuration to replay under (routes.json of this folder)
--records FILE  log lines; reports what the configuration would change of them: which
                target is asked first, what it would cost, in which region; and how the
                shadows among them compare with the answers
--json          the report as JSON

A record names the version of the configuration it was made under: under another one its
plan may be another, and that is said.`

const { values, positionals } = readArguments({
  options: {
    config: { type: 'string', default: join(root, 'routes.json') },
    records: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
  allowPositionals: true,
})

try {
  const [record] = positionals
  if (values.help === true) process.stdout.write(`${help}\n`)
  else if (typeof values.records === 'string') report(values.records)
  else if (record === undefined) throw new Error(`a record is missing\n\n${help}`)
  else replayAll(record)
} catch (cause) {
  process.stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n`)
  process.exitCode = 1
}

function runtimeOf(file: string): Runtime {
  const read = readConfig(JSON.parse(readFileSync(resolve(file), 'utf8')), { local: true })
  if (!read.ok) throw new Error(`${file} is refused:\n${describeProblems(read.problems)}`)
  // No call is made: secrets that are missing count as there, unless the record says otherwise.
  const standIns = { SWITCHYARD_LOCAL: '1', SWITCHYARD_SIMULATOR_URL: 'http://127.0.0.1:1' }
  return createRuntime(read.config, read.version, standIns)
}

function textOf(source: string): string {
  if (source === '-') return readFileSync(0, 'utf8')
  return existsSync(source) ? readFileSync(source, 'utf8') : source
}

function recordsOf(source: string): ReadRecords {
  const read = readRecords(textOf(source))
  const { records, skipped } = read
  if (records.length === 0) throw new Error(`no decision record in ${clip(source)}`)
  if (skipped > 0) process.stderr.write(`${skipped} lines without a decision left out\n`)
  return read
}

function clip(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}

function replayAll(source: string): void {
  const runtime = runtimeOf(String(values.config))
  const { records, shadows } = recordsOf(source)
  for (const { record, requestId } of records) {
    const { planned, isSame } = replay(record, runtime)
    const shadow = shadows.find((one) => one.requestId === requestId)
    const all = { ...shown(planned), ...(shadow === undefined ? {} : { shadow }) }
    process.stdout.write(`${JSON.stringify(all, null, 2)}\n`)
    const what = record.refused === undefined ? 'plan' : 'refusal'
    if (isSame) {
      process.stderr.write(`the same ${what} as recorded (${record.plan})\n`)
      continue
    }
    const versions =
      record.config === runtime.version
        ? `under the same configuration (catalog ${record.catalog}, now ${catalogVersion})`
        : `made under configuration ${record.config}, replayed under ${runtime.version}`
    process.stderr.write(`not the ${what} that was recorded (${record.plan}): ${versions}\n`)
    process.exitCode = 1
  }
}

function report(source: string): void {
  const { records, shadows } = recordsOf(source)
  const trials = shadowTrials(shadows)
  const showsProgress = process.stderr.isTTY && records.length > 1000
  const result = compare(records, runtimeOf(String(values.config)), (done) => {
    if (showsProgress && done % 1000 === 0)
      process.stderr.write(`\r${done} of ${records.length}${done === records.length ? '\n' : ''}`)
  })
  process.stdout.write(
    values.json === true
      ? `${JSON.stringify({ ...result, shadows: trials }, null, 2)}\n`
      : table(result, trials),
  )
}

function table(result: Comparison, trials: readonly ShadowTrial[]): string {
  const { records, changed, moves, routes, cost, regions, residency } = result
  const lines = [`${records} records, ${changed} would go elsewhere`]
  const rows = (title: string, list: readonly { from: string; to: string; records: number }[]) => {
    if (list.length === 0) return
    lines.push('', title)
    for (const { from, to, records: count } of list)
      lines.push(`  ${String(count).padStart(8)}  ${from} -> ${to}`)
  }
  const codes = (title: string, list: Comparison['refusals']) => {
    if (list.length > 0) lines.push('', title)
    for (const { code, records: count } of list)
      lines.push(`  ${String(count).padStart(8)}  ${code}`)
  }
  rows('first target', moves)
  rows('route', routes)
  rows('regions', regions)
  rows('pinned to', residency)
  codes('refused', result.refusals)
  codes('answered, and was refused', result.admitted)
  rows('refused, and for something else', result.otherRefusals)
  lines.push('', `cost of ${cost.records} answers with known usage and prices, USD`)
  lines.push(
    `  before  ${formatUsd(cost.beforeNanoUsd)}`,
    `  after   ${formatUsd(cost.afterNanoUsd)}`,
  )
  return `${[...lines, ...trialTable(trials)].join('\n')}\n`
}
