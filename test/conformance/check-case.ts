import { dialects } from './dialects.ts'
import type { ProviderAdapter } from '../../worker/providers/adapter.ts'
import { differences, type AnswerPart } from './answer.ts'
import { answerOfEvents } from './canonical-answer.ts'
import { checkSplits, decodeJson, decodeStream, endingFaults, framingOf } from './check-decoding.ts'
import { checkCuts } from './check-cuts.ts'
import { checkDialect } from './check-dialects.ts'
import { checkFailure } from './check-failure.ts'
import { checkRequest } from './check-request.ts'
import { isStreamed, responseBytes, type RecordedCase } from './corpus.ts'
import { checkDifferential } from './differential.ts'
import type { CaseExclusion, CheckName } from './exclusion.ts'
import { caseExclusions, provenOperations, skipRules } from './exclusions.ts'
import { readRecording } from './oracles/index.ts'
import { parseJson } from './oracles/read-sse.ts'
import { at } from './oracles/wire-value.ts'
import { adapterFor } from './routing.ts'
import { seedOf, type SplitEffort } from './splits.ts'

export interface CaseResult {
  readonly id: string
  readonly provider: string
  readonly operation: string
  readonly outcome: 'passed' | 'failed' | 'skipped'
  /** Why it was left out, by the name of the rule. */
  readonly reason?: string
  readonly faults: readonly string[]
  readonly checks: readonly CheckName[]
  /** Checks that a listed exclusion let fail. */
  readonly excused: readonly CheckName[]
  /** Second opinions that no rule names, and what the other decoder does not read: faults under `strict`. */
  readonly unread: readonly string[]
  readonly splits: number
  /** The other decoder did not take the recording: nothing to compare. */
  readonly refused: boolean
}

export interface CheckOptions {
  readonly effort: SplitEffort
  readonly seed: number
  readonly differential: boolean
  /** What another decoder does not read must be named by a rule, too: for a corpus that the rules know. */
  readonly strict: boolean
}

type Findings = Map<CheckName, readonly string[]>
type Counts = Pick<CaseResult, 'splits' | 'refused' | 'unread'>

/** Runs every check that applies to one case. Never throws: what throws inside is a fault of the case. */
export async function checkCase(
  recorded: RecordedCase,
  options: CheckOptions,
): Promise<CaseResult> {
  const { id, provider, operation } = recorded
  const head = { id, provider, operation }
  const rule = skipRules.find((one) => one.covers(recorded))
  if (rule !== undefined) {
    return {
      ...head,
      outcome: 'skipped',
      reason: rule.name,
      faults: [],
      checks: [],
      excused: [],
      ...notStreamed,
    }
  }
  const adapter = adapterFor(recorded)
  if (!provenOperations.has(operation) || adapter === undefined) {
    const fault = provenOperations.has(operation)
      ? `no adapter for provider "${provider}", and no rule in exclusions.ts covers it`
      : `no rule in exclusions.ts covers operation "${operation}"`
    return {
      ...head,
      outcome: 'failed',
      faults: [fault],
      checks: [],
      excused: [],
      ...notStreamed,
    }
  }
  const found: Findings = new Map()
  const counts = await runChecks(recorded, adapter, options, found)
  const verdict = judge(
    caseExclusions[id],
    found,
    options.strict ? counts.unread : [],
    options.strict,
  )
  const { opinions, ...judged } = verdict
  const unread = [...counts.unread, ...opinions]
  return { ...head, ...judged, checks: [...found.keys()], ...counts, unread }
}

/**
 * Sets the findings against the listed exclusions: an excused check must fail,
 * every other must pass. `unread`: what the other decoder leaves out and must
 * not, where the rules are to know it. What contradicts the recording is always
 * a fault. A second opinion that nobody has named yet is one under `strict`
 * only: it says as much about the other decoder, or about the client that was
 * recorded, as about ours, and a corpus has cases that our rules have never seen.
 */
export function judge(
  exclusion: CaseExclusion | undefined,
  found: Findings,
  unread: readonly string[] = [],
  strict = true,
): Pick<CaseResult, 'outcome' | 'faults' | 'excused'> & { readonly opinions: readonly string[] } {
  const faults: string[] = found.size === 0 ? ['no check applies to this case'] : []
  faults.push(...unread.map((one) => `differential: ${one}, and no rule names it`))
  const excused: CheckName[] = []
  const opinions: string[] = []
  for (const [name, list] of found) {
    const listed = exclusion?.checks.includes(name) === true
    if (listed && list.length === 0) faults.push(`${name}: passes, but exclusions.ts lists it`)
    else if (listed) excused.push(name)
    else {
      for (const fault of list) {
        const second = !strict && isSecondOpinion(name, fault)
        ;(second ? opinions : faults).push(`${name}: ${fault}`)
      }
    }
  }
  for (const name of exclusion?.checks ?? []) {
    if (!found.has(name)) faults.push(`${name}: exclusions.ts lists a check that does not apply`)
  }
  return { outcome: faults.length === 0 ? 'passed' : 'failed', faults, excused, opinions }
}

/** Another decoder's reading; or a request that says the same in other words. One that lost a field, or was refused, is neither. */
function isSecondOpinion(name: CheckName, fault: string): boolean {
  if (name === 'differential') return true
  return name === 'request' && !fault.startsWith('parse:') && !fault.endsWith('written nothing')
}

const notStreamed: Counts = { splits: 0, refused: false, unread: [] }

async function runChecks(
  recorded: RecordedCase,
  adapter: ProviderAdapter,
  options: CheckOptions,
  found: Findings,
): Promise<Counts> {
  attempt(found, 'request', () => checkRequest(recorded, adapter, dialects))
  if (recorded.meta.status >= 400) {
    attempt(found, 'failure', () => checkFailure(recorded, adapter, dialects))
    return notStreamed
  }
  if (recorded.operation === 'count-tokens') {
    attempt(found, 'count-tokens', () => checkCount(recorded, adapter))
    return notStreamed
  }
  const splits = checkAnswer(recorded, adapter, options, found)
  if (!options.differential) return { ...notStreamed, splits }
  const opinion = await checkDifferential(recorded, adapter)
  if (opinion === undefined) return { ...notStreamed, splits }
  const { faults, refused, unread } = opinion
  // One that refused the recording has nothing to say, but a rule may be stale.
  if (!refused || faults.length > 0) found.set('differential', faults)
  return { splits, refused, unread }
}

function attempt(
  found: Findings,
  name: CheckName,
  check: () => readonly string[] | undefined,
): void {
  try {
    const faults = check()
    if (faults !== undefined) found.set(name, faults)
  } catch (error) {
    found.set(name, [
      `threw ${error instanceof Error ? (error.stack ?? error.message).slice(0, 400) : String(error)}`,
    ])
  }
}

function checkAnswer(
  recorded: RecordedCase,
  adapter: ProviderAdapter,
  options: CheckOptions,
  found: Findings,
): number {
  const bytes = responseBytes(recorded)
  const streamed = isStreamed(recorded)
  const framing = framingOf(adapter, bytes)
  const oracle = readRecording(adapter.wire, recorded.provider, bytes, streamed)
  let splits = 0
  attempt(found, 'decode', () => {
    const events = streamed ? decodeStream(adapter, framing, [bytes]) : decodeJson(adapter, bytes)
    for (const dialect of dialects) {
      attempt(found, dialect.id, () => checkDialect(dialect, adapter, events, oracle))
    }
    const ignore = new Set<AnswerPart>(
      adapter.wire === 'gemini' || adapter.wire === 'openai-chat' ? ['proofs'] : [],
    )
    return [...endingFaults(events), ...differences(oracle, answerOfEvents(events), { ignore })]
  })
  if (streamed) {
    attempt(found, 'splits', () => {
      const result = checkSplits(
        adapter,
        framing,
        bytes,
        options.effort,
        seedOf(recorded.id, options.seed),
      )
      splits = result.splits
      return result.faults
    })
    // A JSON array is only readable for the oracle when it is whole.
    if (framing !== 'json-array') {
      attempt(found, 'cuts', () =>
        checkCuts(
          adapter,
          framing,
          bytes,
          (prefix) => readRecording(adapter.wire, recorded.provider, prefix, true),
          options.effort.cuts,
          seedOf(recorded.id, options.seed + 1),
        ),
      )
    }
  }
  return splits
}

function checkCount(recorded: RecordedCase, adapter: ProviderAdapter): string[] {
  const body = parseJson(new TextDecoder().decode(responseBytes(recorded)))
  const expected = at(body, 'input_tokens') ?? at(body, 'totalTokens') ?? at(body, 'inputTokens')
  if (adapter.decodeCountTokens === undefined) return ['the adapter cannot read a count']
  const got = adapter.decodeCountTokens(body)
  return got === expected ? [] : [`count: expected ${String(expected)}, got ${String(got)}`]
}
