import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { readArguments } from './read-arguments.ts'
import type { Mutant } from '../test/mutants/mutant.ts'
import { mutants } from '../test/mutants/mutants.ts'
import { projects, runTests, type Project, type TestRun } from './mutants/run-tests.ts'
import { Tree } from './mutants/tree.ts'

const help = `npm run mutants -- [--only ID,...] [--slow] [--jobs N] [--list] [--write FILE]

Breaks the code on purpose, one variant at a time, and expects the named tests to notice.
  --only ID   only the mutants whose id begins with ID; several with commas between
  --slow      those that only a suite on workerd can see, too
  --jobs N    so many at once (1)
  --list      prints the mutants and runs nothing
  --write F   puts the table, the count and the day into F, between its two marks
Exit 1 when a mutant survives, no longer finds its place, or its tests fail on the unbroken code.`

interface Options {
  readonly only: string | undefined
  readonly slow: boolean
  readonly jobs: number
  readonly list: boolean
  readonly write: string | undefined
}

interface Verdict {
  readonly mutant: Mutant
  readonly killed: boolean
  /** The test that noticed, or why there is no kill. */
  readonly note: string
  readonly seconds: number
}

const quickTimeoutMs = 120_000
const slowTimeoutMs = 600_000

function readOptions(): Options {
  const { values } = readArguments({
    options: {
      only: { type: 'string' },
      slow: { type: 'boolean', default: false },
      jobs: { type: 'string', default: '1' },
      list: { type: 'boolean', default: false },
      write: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(help)
    process.exit(0)
  }
  const jobs = Number(values.jobs)
  if (!Number.isInteger(jobs) || jobs < 1)
    throw new RangeError(`--jobs must be 1 or more, found ${values.jobs}`)
  return { only: values.only, slow: values.slow, jobs, list: values.list, write: values.write }
}

function chosen({ only, slow }: Options): Mutant[] {
  return mutants.filter((mutant) =>
    only === undefined
      ? slow || mutant.slow !== true
      : only.split(',').some((id) => mutant.id.startsWith(id)),
  )
}

/** Runs the named tests of a mutant on the code without it; answers those files that fail. */
async function baseline(tree: Tree, all: readonly Mutant[]): Promise<ReadonlyMap<string, string>> {
  const failing = new Map<string, string>()
  const named = [...new Set(all.flatMap(({ killedBy }) => killedBy))]
  for (const project of projects) {
    const files = named.filter((file) => projectOf(file) === project)
    if (files.length === 0) continue
    const run = await runTests(tree.folder, files, {
      project,
      bail: false,
      timeoutMs: slowTimeoutMs,
    })
    if (run.kind === 'passed') {
      console.log(`baseline: ${files.length} files, ${run.tests} tests pass on the unbroken code`)
    } else if (run.kind === 'failed') {
      for (const file of run.files) failing.set(file, run.first)
    } else for (const file of files) failing.set(file, run.reason)
  }
  return failing
}

/** The suite that a test file belongs to; one mutant names files of one suite only. */
function projectOf(file: string): Project {
  const [, folder = ''] = file.split('/')
  return projects.find((project) => project === folder) ?? 'node'
}

async function judge(
  mutant: Mutant,
  tree: Tree,
  failing: ReadonlyMap<string, string>,
): Promise<Verdict> {
  const startedMs = Date.now()
  const verdict = (killed: boolean, note: string): Verdict => ({
    mutant,
    killed,
    note,
    seconds: (Date.now() - startedMs) / 1000,
  })
  const ill = mutant.killedBy.find((file) => failing.has(file))
  if (ill !== undefined) return verdict(false, `fails unbroken: ${failing.get(ill)}`)
  const text = tree.read(mutant.file)
  const places = text.split(mutant.find).length - 1
  if (places !== 1) return verdict(false, `"find" stands ${places} times in ${mutant.file}`)
  const broken = text.replace(mutant.find, () => mutant.replace)
  if (broken === text) return verdict(false, 'changes nothing')
  const run = await tree.with(mutant.file, broken, () =>
    runTests(tree.folder, mutant.killedBy, {
      project: projectOf(mutant.killedBy[0]),
      bail: true,
      timeoutMs: mutant.slow === true ? slowTimeoutMs : quickTimeoutMs,
    }),
  )
  return verdict(run.kind === 'failed', noteOf(run))
}

function noteOf(run: TestRun): string {
  switch (run.kind) {
    case 'passed':
      return `SURVIVED ${run.tests} tests`
    case 'failed':
      return run.first
    case 'broken':
      return `no test could say: ${run.reason}`
  }
}

async function judgeAll(all: readonly Mutant[], trees: readonly Tree[]): Promise<Verdict[]> {
  const [first] = trees
  if (first === undefined) return []
  const failing = await baseline(first, all)
  const verdicts: Verdict[] = []
  const waiting = [...all]
  const lane = async (tree: Tree) => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const verdict = await judge(mutant, tree, failing)
      verdicts.push(verdict)
      const place = `${verdicts.length}/${all.length}`.padStart(7)
      const word = verdict.killed ? 'killed' : 'FAILED'
      console.log(
        `${place}  ${word}  ${mutant.id}  ${verdict.seconds.toFixed(1)} s  ${verdict.note}`,
      )
    }
  }
  await Promise.all(trees.map(lane))
  return verdicts
}

function tableOf(verdicts: readonly Verdict[]): string {
  const rows = verdicts
    .toSorted((a, b) => compare(a.mutant, b.mutant))
    .map(({ mutant: { id, invariant, why }, killed, note }) => {
      const word = killed ? '' : 'FAILED: '
      return `| ${invariant} | ${id} | ${why} | ${word}${note.replaceAll('|', '\\|')} |`
    })
  const head = '| breaks | mutant | what would come of it | noticed by |\n|---|---|---|---|'
  return `${head}\n${rows.join('\n')}`
}

const marks = ['<!-- the last run begins -->', '<!-- the last run ends -->'] as const

/** Puts `text` between the marks of `file`. */
function writeBetweenMarks(file: string, text: string): void {
  const [begin, end] = marks
  const before = readFileSync(file, 'utf8')
  const [head, rest] = before.split(begin)
  const tail = rest?.split(end)[1]
  if (head === undefined || tail === undefined)
    throw new RangeError(`${file} must hold ${begin} and ${end}`)
  writeFileSync(file, `${head}${begin}\n\n${text}\n\n${end}${tail}`)
}

function compare(a: Mutant, b: Mutant): number {
  return a.invariant.localeCompare(b.invariant, 'en', { numeric: true }) || a.id.localeCompare(b.id)
}

async function main(): Promise<void> {
  const options = readOptions()
  const all = chosen(options)
  const twice = all.find(({ id }, index) => all.findIndex((one) => one.id === id) !== index)
  if (twice !== undefined) throw new RangeError(`two mutants are called ${twice.id}`)
  if (all.length === 0) throw new RangeError(`no mutant's id begins with ${options.only ?? ''}`)
  if (options.list) {
    for (const { id, invariant, file, why } of all)
      console.log(`${id}  [${invariant}]  ${file}\n    ${why}`)
    return
  }
  const root = fileURLToPath(new URL('..', import.meta.url))
  const trees = Array.from({ length: Math.min(options.jobs, all.length) }, () => new Tree(root))
  // An interrupted run leaves nothing behind either.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      for (const tree of trees) tree.remove()
      process.exit(130)
    })
  try {
    const verdicts = await judgeAll(all, trees)
    const table = tableOf(verdicts)
    console.log(`\n${table}\n`)
    const failed = verdicts.filter(({ killed }) => !killed).length
    const count = `${verdicts.length - failed} passed, ${failed} failed`
    const day = new Date().toISOString().slice(0, 10)
    if (options.write !== undefined)
      writeBetweenMarks(options.write, `${day}: ${count}.\n\n${table}`)
    console.log(count)
    process.exitCode = failed === 0 ? 0 : 1
  } finally {
    for (const tree of trees) tree.remove()
  }
}

await main()
