import { resolve } from 'node:path'
import { readArguments } from '../scripts/read-arguments.ts'
import { targetIds, type TargetId } from './targets.ts'

export const help = `npm run bench -- [options]

  Switchyard beside a bare passthrough (a), the floor of anything that touches
  a stream (b), and Portkey's gateway on its own Node server (d), in one run.

  --quick          few requests, one round: shows that it works; the figures are noise
  --rounds N       rounds, each in another order (default 5; 1 with --quick)
  --only TEXT      cases whose name contains TEXT ("start-up", "sdks", "plan" and "sse" are names too); may be repeated
  --targets LIST   of ${targetIds.join(',')} (default all)
  --seed N         order of the rounds (default: by the clock; printed)
  --json FILE      write everything that was measured
  --markdown FILE  write the tables; in docs/performance.md they replace the last ones
  --plot FILE      write the plot (SVG)
  --from FILE      measure nothing: tables and plot from a file that --json wrote
  --keep           leave configs, builds and logs of the run in place
  --help           this text
`

export interface Options {
  readonly quick: boolean
  readonly rounds: number
  readonly only: readonly string[]
  readonly targets: readonly TargetId[]
  readonly seed: number
  readonly json: string | null
  readonly markdown: string | null
  readonly plot: string | null
  readonly from: string | null
  readonly keep: boolean
}

/** Null when only the help text is wanted. Throws with the rule that an argument breaks. */
export function readOptions(argv: readonly string[]): Options | null {
  const { values } = readArguments({
    args: [...argv],
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      only: { type: 'string', multiple: true, default: [] },
      targets: { type: 'string', default: targetIds.join(',') },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      json: { type: 'string' },
      markdown: { type: 'string' },
      plot: { type: 'string' },
      from: { type: 'string' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return null
  const file = (path: string | undefined) => (path === undefined ? null : resolve(path))
  return {
    quick: values.quick,
    rounds: positive('--rounds', values.rounds ?? (values.quick ? '1' : '5')),
    only: values.only,
    targets: values.targets.split(',').map(targetId),
    seed: positive('--seed', values.seed),
    json: file(values.json),
    markdown: file(values.markdown),
    plot: file(values.plot),
    from: file(values.from),
    keep: values.keep,
  }
}

function positive(flag: string, text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`${flag} must be a whole number above 0 (found "${text}")`)
  return value
}

function targetId(text: string): TargetId {
  const id = targetIds.find((known) => known === text)
  if (id === undefined)
    throw new Error(`--targets must be of ${targetIds.join(', ')} (found "${text}")`)
  return id
}
