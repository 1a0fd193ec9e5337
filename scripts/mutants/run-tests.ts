import { spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** What a run of some test files came to. */
export type TestRun =
  | { readonly kind: 'passed'; readonly tests: number }
  /** `first` names the first test that failed; `files` those with a failed test. */
  | { readonly kind: 'failed'; readonly first: string; readonly files: readonly string[] }
  /** No test could say anything: the code does not load, or the time was up. */
  | { readonly kind: 'broken'; readonly reason: string }

/** The suites of `vitest.config.ts` that mutants are shown to. */
export const projects = ['node', 'workers', 'e2e', 'disconnect', 'storm'] as const

export type Project = (typeof projects)[number]

interface RunOptions {
  readonly project: Project
  /** Stops at the first failure. */
  readonly bail: boolean
  readonly timeoutMs: number
}

interface Report {
  readonly numTotalTests: number
  readonly numPassedTests: number
  readonly testResults: readonly {
    readonly name: string
    readonly message: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

/** Runs test files with vitest in `folder` and reads its own report, so that a crash is not taken for a failed test. */
export async function runTests(
  folder: string,
  files: readonly string[],
  options: RunOptions,
): Promise<TestRun> {
  const reportFile = join(folder, 'mutant-report.json')
  rmSync(reportFile, { force: true })
  const ended = await vitest(folder, files, reportFile, options)
  if (ended === 'timeout')
    return { kind: 'broken', reason: `no end within ${options.timeoutMs / 1000} s` }
  if (!existsSync(reportFile)) return { kind: 'broken', reason: `vitest exit ${ended}, no report` }
  return readReport(JSON.parse(readFileSync(reportFile, 'utf8')) as Report, folder)
}

function readReport(report: Report, folder: string): TestRun {
  const failed = report.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName }) => ({ name: name.replace(`${folder}/`, ''), fullName })),
  )
  const [first] = failed
  if (first !== undefined)
    return {
      kind: 'failed',
      first: first.fullName,
      files: [...new Set(failed.map(({ name }) => name))],
    }
  const unread = report.testResults.find(({ message }) => message !== '')
  if (unread !== undefined) return { kind: 'broken', reason: unread.message.split('\n')[0] ?? '' }
  if (report.numPassedTests === 0) return { kind: 'broken', reason: 'no test ran' }
  return { kind: 'passed', tests: report.numPassedTests }
}

function vitest(
  folder: string,
  files: readonly string[],
  reportFile: string,
  { project, bail, timeoutMs }: RunOptions,
): Promise<number | 'timeout'> {
  const args = [
    join('node_modules', 'vitest', 'vitest.mjs'),
    'run',
    '--project',
    project,
    '--reporter=json',
    `--outputFile=${reportFile}`,
    ...(bail ? ['--bail', '1'] : []),
    ...files,
  ]
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: folder, stdio: 'ignore' })
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      resolve('timeout')
    }, timeoutMs)
    child.on('exit', (code) => {
      clearTimeout(timer)
      resolve(code ?? -1)
    })
  })
}
