import { formatUsd } from '../../worker/catalog/index.ts'

/** A log line of a shadow (`"event":"shadow"`), as it is read back: counts and times of both answers, no text. */
export interface ShadowLine {
  readonly requestId: string
  readonly route: string
  /** `ok`, how it failed, or `unpaid`. */
  readonly outcome: string
  readonly answer: ShadowSide
  readonly shadow: ShadowSide
  readonly sameFinish: boolean | null
  /** Output tokens of the shadow over those of the answer. */
  readonly lengthRatio: number | null
}

interface ShadowSide {
  readonly target: string
  readonly finish: string | null
  readonly outputTokens: number | null
  /** Null where no form was asked for. */
  readonly isWellFormed: boolean | null
  readonly costNanoUsd: number | null
  readonly firstTokenMs: number | null
  readonly durationMs: number | null
}

/** The shadow that a log line tells of; null for any other value. */
export function readShadow(value: unknown): ShadowLine | null {
  const fields = objectOf(value)
  if (fields['event'] !== 'shadow') return null
  return {
    requestId: String(fields['switchyard.request.id']),
    route: String(fields['switchyard.route']),
    outcome: String(fields['outcome']),
    answer: sideOf(fields['answer']),
    shadow: sideOf(fields['shadow']),
    sameFinish: flagOf(fields['same_finish']),
    lengthRatio: numberOf(fields['length_ratio']),
  }
}

function sideOf(value: unknown): ShadowSide {
  const fields = objectOf(value)
  const { finish, cost_usd: cost } = fields
  return {
    target: String(fields['target']),
    finish: typeof finish === 'string' ? finish : null,
    outputTokens: numberOf(fields['output_tokens']),
    isWellFormed: flagOf(fields['well_formed']),
    costNanoUsd: typeof cost === 'string' ? Math.round(Number(cost) * 1e9) : null,
    firstTokenMs: numberOf(fields['first_token_ms']),
    durationMs: numberOf(fields['duration_ms']),
  }
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' ? value : null
}

function flagOf(value: unknown): boolean | null {
  return typeof value === 'boolean' ? value : null
}

/** All shadows of one target beside another, on one route. Of what only some of them know, those count that know it of both. */
export interface ShadowTrial {
  readonly route: string
  readonly answer: string
  readonly shadow: string
  readonly compared: number
  /** Outcomes other than an answer, with their number. */
  readonly failed: Readonly<Record<string, number>>
  readonly sameFinish: { readonly of: number; readonly same: number }
  readonly wellFormed: Pair
  readonly costNanoUsd: Pair
  /** Medians. */
  readonly lengthRatio: number | null
  readonly firstTokenMs: Pair
  readonly durationMs: Pair
}

/** Of so many comparisons: a sum or a median of each side; null where there is none. */
interface Pair {
  readonly of: number
  readonly answer: number | null
  readonly shadow: number | null
}

export function shadowTrials(lines: readonly ShadowLine[]): readonly ShadowTrial[] {
  const groups = Map.groupBy(lines, ({ route, answer, shadow }) =>
    JSON.stringify([route, answer.target, shadow.target]),
  )
  return [...groups.values()]
    .map((group) => trialOf(group))
    .toSorted((one, other) => other.compared - one.compared)
}

function trialOf(all: readonly ShadowLine[]): ShadowTrial {
  const answered = all.filter(({ outcome }) => outcome === 'ok')
  const failures = Map.groupBy(
    all.filter(({ outcome }) => outcome !== 'ok'),
    ({ outcome }) => outcome,
  )
  const finishes = answered.flatMap(({ sameFinish }) => sameFinish ?? [])
  const [first] = all
  return {
    route: first?.route ?? '',
    answer: first?.answer.target ?? '',
    shadow: first?.shadow.target ?? '',
    compared: all.length,
    failed: Object.fromEntries([...failures].map(([outcome, some]) => [outcome, some.length])),
    sameFinish: { of: finishes.length, same: finishes.filter(Boolean).length },
    wellFormed: pairOf(answered, (side) => toNumber(side.isWellFormed), sum),
    costNanoUsd: pairOf(answered, (side) => side.costNanoUsd, sum),
    lengthRatio: median(answered.flatMap(({ lengthRatio }) => lengthRatio ?? [])),
    firstTokenMs: pairOf(answered, (side) => side.firstTokenMs, median),
    durationMs: pairOf(answered, (side) => side.durationMs, median),
  }
}

function toNumber(flag: boolean | null): number | null {
  return flag === null ? null : Number(flag)
}

function pairOf(
  lines: readonly ShadowLine[],
  read: (side: ShadowSide) => number | null,
  whole: (values: readonly number[]) => number | null,
): Pair {
  const both = lines.flatMap(({ answer, shadow }) => {
    const [one, other] = [read(answer), read(shadow)]
    return one === null || other === null ? [] : [[one, other] as const]
  })
  return {
    of: both.length,
    answer: whole(both.map(([one]) => one)),
    shadow: whole(both.map(([, other]) => other)),
  }
}

function sum(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((total, value) => total + value, 0)
}

function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((one, other) => one - other)
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]]
  return low === undefined || high === undefined ? null : (low + high) / 2
}

/** The lines of a report. */
export function trialTable(trials: readonly ShadowTrial[]): readonly string[] {
  return trials.flatMap((trial) => {
    const { route, answer, shadow, compared, failed, sameFinish, wellFormed } = trial
    const { costNanoUsd: cost, lengthRatio, firstTokenMs, durationMs } = trial
    const failures = Object.entries(failed).map(([outcome, count]) => `${count} ${outcome}`)
    const usd = (nanoUsd: number) => formatUsd(nanoUsd)
    return [
      '',
      `shadows of ${route}: ${answer} beside ${shadow}, ${compared} compared`,
      ...(failures.length === 0 ? [] : [`  no answer    ${failures.join(', ')}`]),
      ...(sameFinish.of === 0 ? [] : [`  same finish  ${sameFinish.same} of ${sameFinish.of}`]),
      ...pairLine('well formed', wellFormed, String, ` of ${wellFormed.of}`),
      ...(lengthRatio === null ? [] : [`  length       ${lengthRatio.toFixed(2)} times, median`]),
      ...pairLine('cost', cost, usd, ' USD'),
      ...pairLine('first token', firstTokenMs, String, ' ms, median'),
      ...pairLine('duration', durationMs, String, ' ms, median'),
    ]
  })
}

function pairLine(
  what: string,
  { answer, shadow }: Pair,
  write: (value: number) => string,
  unit: string,
): readonly string[] {
  if (answer === null || shadow === null) return []
  return [`  ${what.padEnd(12)} ${write(answer)} and ${write(shadow)}${unit}`]
}
