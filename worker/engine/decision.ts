import { catalogVersion } from '../catalog/index.ts'
import type { KeyProfile } from '../../durable-objects/tenant-ledger/access/verify.ts'
import { flatText } from '../canonical/flat-text.ts'
import type { ProviderPreferences } from '../canonical/request.ts'
import type { Candidate, Exclusion } from '../policy/candidate.ts'
import type { Plan } from '../policy/plan.ts'
import type { PlanInput } from '../policy/plan-input.ts'
import type { RankingFacts } from '../policy/ranking.ts'
import type { TierIntent } from '../policy/route-policy.ts'
import { plainContext, sizeOf, type RequestFacts } from '../policy/request-facts.ts'
import { stableName } from '../policy/stable-hash.ts'
import type { Caller } from './caller.ts'
import type { Decided } from './plan-request.ts'
import { recordOfRefusal, refusalName } from './refused-decision.ts'
import type { RecordedAsk, RecordedRefusal, Refusal } from './refused-decision.ts'

/**
 * Why a request went where it went, as plain JSON: with the configuration of that
 * version it gives the same plan again, byte for byte (`npm run replay`). What no
 * request changes is not in it but in the configuration and the catalog. No text of
 * the request: names of fields, sizes, classes, digests.
 */
export interface DecisionRecord {
  readonly v: 1
  readonly config: string
  readonly catalog: string
  /** What the caller named in `model` and `models`. */
  readonly names: readonly [string, ...string[]]
  readonly tenant: string
  /** What the caller's key may do, as far as it narrows; absent: everything of its tenant. */
  readonly key?: DecisionKey | undefined
  readonly preferences?: ProviderPreferences | undefined
  /** As they were read, less what is empty. */
  readonly facts: Partial<RequestFacts>
  /** Names of the rules that matched. */
  readonly rules?: readonly string[] | undefined
  /** By target, what was known of it at that moment; absent: nothing spoke against it. */
  readonly standing?: Readonly<Record<string, RecordedStanding>> | undefined
  readonly ranking?: RankingFacts | undefined
  readonly thrifty?: true | undefined
  readonly nowMs: number
  readonly seed: number
  /** Targets in the order in which they would be asked. */
  readonly steps: readonly string[]
  /** What each of them scored under the objective of its tier; absent where none scores. */
  readonly scores?: readonly (number | null)[] | undefined
  /** Why the tier of each of them is there; absent where the route does not say. */
  readonly intents?: readonly (TierIntent | null)[] | undefined
  /** What was left out, and why. */
  readonly exclusions?: readonly Pick<Exclusion, 'target' | 'reason'>[] | undefined
  /** What stood beside the request, where it was refused for that. */
  readonly asked?: RecordedAsk | undefined
  /** What the caller was told, where nothing was planned. */
  readonly refused?: RecordedRefusal | undefined
  /** A short name of the whole plan, or of the refusal, with all its reasons: a replay that gives another one is not the same. */
  readonly plan: string
}

export type DecisionKey = Pick<KeyProfile, 'grant' | 'residency' | 'tier'>

/** Null in `notBeforeMs`: never. */
export type RecordedStanding = {
  readonly [Field in 'health' | 'measured' | 'reserved' | 'unavailable']?:
    | Candidate[Field]
    | undefined
} & { readonly notBeforeMs?: number | null | undefined }

export function decisionOf(
  { input, found, read, rules, plan, refused }: Decided,
  names: readonly [string, ...string[]],
  { tenant, profile }: Caller,
  config: string,
): DecisionRecord {
  const { preferences, ranking, isThrifty, nowMs, seed } = input
  const { candidates } = input
  const standing = standingOf(
    found.length > candidates.length ? withAll(candidates, found) : candidates,
  )
  const { exclusions } = plan
  const steps = plan.kind === 'steps' ? plan.steps : []
  // Always every field, absent ones undefined: behind a spread each is a call into the engine's runtime, and a shape
  // that is seldom there costs whatever reads it its optimized code.
  const record: Mutable<DecisionRecord> = {
    v: 1,
    config,
    catalog: catalogVersion,
    names,
    tenant,
    facts: factsToRecord(read),
    nowMs,
    seed,
    steps: steps.map(({ target }) => target),
    plan: planName(plan),
    key: profile !== null && isNarrow(profile) ? keyOf(profile) : undefined,
    preferences: isEmpty(preferences) ? undefined : preferences,
    rules: rules.length > 0 ? rules : undefined,
    standing: standing ?? undefined,
    ranking,
    thrifty: isThrifty ? true : undefined,
    scores: steps.some(({ score = null }) => score !== null)
      ? steps.map(({ score = null }) => score)
      : undefined,
    intents: steps.some(({ intent }) => intent !== undefined)
      ? steps.map(({ intent = null }) => intent)
      : undefined,
    exclusions:
      exclusions.length > 0
        ? exclusions.map(({ target, reason }) => ({ target, reason }))
        : undefined,
    asked: undefined,
    refused: undefined,
  }
  if (refused !== undefined) addRefusal(record, refused, plan, profile)
  return record
}

function addRefusal(
  record: Mutable<DecisionRecord>,
  refused: Refusal,
  plan: Plan,
  profile: KeyProfile | null,
): void {
  if (refused.asked !== undefined) {
    record.asked = refused.asked
    if (profile !== null) record.key = keyOf(profile)
  }
  record.names = refused.names ?? record.names
  record.refused = recordOfRefusal(refused, plan)
  record.plan = refusalName(record.plan, refused.error)
}

/** Those that the key may not call stand behind. */
function withAll(
  candidates: PlanInput['candidates'],
  found: PlanInput['candidates'],
): PlanInput['candidates'] {
  const known = new Set(candidates.map(({ target }) => target))
  return [...candidates, ...found.filter(({ target }) => !known.has(target))]
}

type Mutable<Value> = { -readonly [Name in keyof Value]: Value[Name] }

/** The same steps and exclusions, with the same reasons and warnings, have the same name. */
export function planName(plan: Plan): string {
  let text = ''
  if (plan.kind === 'steps') {
    for (const { target, tier, notBeforeMs, barred, probe, reason, warnings } of plan.steps) {
      text += `${target}\n${tier} ${notBeforeMs}${barred ? 'b' : ''}${probe ? 'p' : ''}\n${reason}\n`
      for (const warning of warnings) text += `${warning}\n`
    }
  }
  for (const { target, reason } of plan.exclusions) text += `-${target}\n${reason}\n`
  return nameOfText(text)
}

/** Traffic repeats its plans: the names of the last ones are at hand (1.5 us of a small answer's 350 to make one). */
function nameOfText(text: string): string {
  const known = planNames.get(text)
  if (known !== undefined) return known
  if (planNames.size >= mostPlanNames) planNames.clear()
  const name = flatText(stableName(text))
  if (text.length <= longestPlan) planNames.set(text, name)
  return name
}

const planNames = new Map<string, string>()
const mostPlanNames = 256
/** A plan of more is rare, and would take room. */
const longestPlan = 4096

function isNarrow({ grant, residency, tier }: KeyProfile): boolean {
  return (
    residency !== null ||
    tier !== null ||
    grant.routes !== null ||
    grant.models !== null ||
    grant.regions !== null
  )
}

function keyOf({ grant, residency, tier }: KeyProfile): DecisionKey {
  return { grant, residency, tier }
}

/** Null where nothing is out of the ordinary: most requests. */
function standingOf(
  candidates: PlanInput['candidates'],
): Readonly<Record<string, RecordedStanding>> | null {
  let found: Record<string, RecordedStanding> | null = null
  for (const { target, health, measured, reserved, unavailable, notBeforeMs } of candidates) {
    const isPlain =
      health === undefined &&
      measured === undefined &&
      reserved === undefined &&
      unavailable === null &&
      notBeforeMs === 0
    if (isPlain) continue
    found ??= {}
    found[target] = {
      health,
      measured,
      reserved,
      unavailable: unavailable ?? undefined,
      notBeforeMs: notBeforeMs === 0 ? undefined : finite(notBeforeMs),
    }
  }
  return found
}

/** JSON has no infinity. */
function finite(ms: number): number | null {
  return Number.isFinite(ms) ? ms : null
}

function factsToRecord(facts: RequestFacts): Partial<RequestFacts> {
  const kept: Record<string, unknown> = {}
  for (const name in facts) {
    if (name === 'size') continue
    const value = facts[name as keyof RequestFacts]
    const isTold = value !== null && value !== 0 && value !== false && !isEmpty(value)
    // That nothing was found is another thing than that nobody looked.
    if (isTold || (name === 'found' && value !== null)) kept[name] = value
  }
  return kept
}

/** The facts that a record holds, whole again. */
export function factsOfRecord({ facts }: DecisionRecord): RequestFacts {
  const promptTokens = facts.promptTokens ?? 0
  return {
    ...plainContext,
    needs: [],
    wishes: [],
    preferred: [],
    wires: [],
    promptTokens,
    size: sizeOf(promptTokens),
    maxOutputTokens: null,
    stopSequences: 0,
    messages: 0,
    tools: 0,
    stream: false,
    ...facts,
  }
}

function isEmpty(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return value.length === 0
  for (const _name in value) return false
  return true
}
