import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { readArguments } from './read-arguments.ts'
import { listCases } from '../test/conformance/corpus.ts'
import type { CaseResult } from '../test/conformance/check-case.ts'
import { skipRules } from '../test/conformance/exclusions.ts'
import { summarize, tableOf } from '../test/conformance/report.ts'

const usage = `Usage: npm run conformance -- --corpus DIR [options]

Reads every recorded case under DIR (<provider>/<operation>/<case>/) with the
provider's adapter, under every split of its bytes, writes it in every dialect,
and compares with an independent reading of the same recording.

  --corpus DIR       the corpus (required)
  --json FILE        also write every result to FILE
  --only TEXT        only cases whose id contains TEXT
  --seed N           seed of the random splits (default 20261120)
  --quick            fewer splits: every position up to 2 kB, 25 random ones above
  --no-differential  do not compare with the @ai-sdk decoders
  --strict           second opinions count: what an @ai-sdk decoder reads otherwise, refuses or leaves out, and a
                     request in other words than the recorded one, must be named by a rule
                     too; CI runs so on the corpus that the rules know
  --threads N        worker threads (default: one per core, at most 4)
  --help             this text

Exit code 1 on any difference that test/conformance/exclusions.ts does not list, on a case that
nothing there covers and no adapter reads, and on what it lists and is not needed any more.`

interface Options {
  readonly corpus: string
  readonly json: string | undefined
  readonly only: string
  readonly seed: number
  readonly quick: boolean
  readonly differential: boolean
  readonly strict: boolean
  readonly threads: number
}

function readOptions(): Options | undefined {
  const { values } = readArguments({
    allowNegative: true,
    options: {
      corpus: { type: 'string' },
      json: { type: 'string' },
      only: { type: 'string', default: '' },
      seed: { type: 'string', default: '20261120' },
      quick: { type: 'boolean', default: false },
      differential: { type: 'boolean', default: true },
      strict: { type: 'boolean', default: false },
      threads: { type: 'string', default: String(Math.min(4, availableParallelism())) },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help || values.corpus === undefined) {
    console.log(usage)
    if (!values.help) process.exitCode = 2
    return undefined
  }
  const { corpus, json, only, quick, differential, strict } = values
  return {
    corpus,
    json,
    only,
    quick,
    differential,
    strict,
    seed: Number(values.seed),
    threads: Math.max(1, Number(values.threads)),
  }
}

/** Gives every thread its next case when it has answered the last one. */
async function runAll(ids: readonly string[], options: Options): Promise<CaseResult[]> {
  const results: CaseResult[] = []
  let next = 0
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL('../test/conformance/worker-thread.ts', import.meta.url), {
        workerData: options,
      })
      const give = (): void => {
        const id = ids[next]
        next += 1
        worker.postMessage(id ?? null, [])
      }
      worker.on('message', (result: CaseResult) => {
        results.push(result)
        if (result.outcome === 'failed') console.log(`FAILED ${result.id}`)
        if (results.length % 50 === 0) console.log(`${results.length} of ${ids.length} cases`)
        give()
      })
      worker.on('error', reject)
      worker.on('exit', () => resolve())
      give()
    })
  await Promise.all(Array.from({ length: Math.min(options.threads, ids.length) }, one))
  return results.sort((a, b) => (a.id < b.id ? -1 : 1))
}

async function main(options: Options): Promise<void> {
  const startedMs = Date.now()
  const ids = listCases(options.corpus)
    .map(({ id }) => id)
    .filter((id) => id.includes(options.only))
  console.log(`${ids.length} cases, seed ${options.seed}, ${options.threads} threads`)
  const results = await runAll(ids, options)
  for (const { id, faults } of results.filter((one) => one.outcome === 'failed')) {
    console.log(`\n${id}`)
    for (const fault of faults) console.log(`  ${fault}`)
  }
  for (const { id, unread } of results.filter((one) => one.unread.length > 0)) {
    console.log(`\n${id}: not compared with the other decoder, and no rule names it`)
    for (const one of unread) console.log(`  ${one}`)
  }
  console.log(`\n${tableOf(results)}`)
  for (const { name, reason } of skipRules) console.log(`skip ${name}: ${reason}`)
  const summary = summarize(results)
  const seconds = Math.round((Date.now() - startedMs) / 1000)
  console.log(
    `\n${summary.splits} splits in ${seconds} s; ${summary.excused} excused checks; ${summary.refused} recordings refused as a whole by the other decoder; ${summary.unread} things it does not read that no rule names`,
  )
  if (options.json !== undefined) {
    writeFileSync(
      options.json,
      `${JSON.stringify({ ...summary, seed: options.seed, results }, null, 1)}\n`,
    )
  }
  if (summary.failed > 0 || results.length === 0) process.exitCode = 1
  console.log(`${summary.passed} passed, ${summary.failed} failed, ${summary.skipped} skipped`)
}

const options = readOptions()
if (options !== undefined) await main(options)
