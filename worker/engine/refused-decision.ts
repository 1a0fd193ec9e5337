import type { GatewayError } from '../canonical/errors.ts'
import type { CanonicalRequest } from '../canonical/request.ts'
import type { Candidate, Exclusion } from '../policy/candidate.ts'
import { classify, type RequestFacts } from '../policy/classify.ts'
import type { Plan } from '../policy/plan.ts'
import type { PlanInput } from '../policy/plan-input.ts'
import { plainPolicy } from '../policy/route-policy.ts'
import { seedOf } from '../policy/seeded-random.ts'
import { stableName } from '../policy/stable-hash.ts'
import { mergeTags } from '../edge/access/tags.ts'
import type { Runtime } from '../edge/runtime.ts'
import type { Caller } from './caller.ts'
import type { Asked, Decided } from './plan-request.ts'
import type { PlanPorts } from './ports.ts'
import { clip } from './plan-refusals.ts'
import { type TagRead, tagsRead } from './request-context.ts'
import { resolveRequest } from './resolve-request.ts'

/** Why a request got no plan: it stands in its decision record. */
export interface Refusal {
  readonly error: GatewayError
  /** The rule that refused it; absent where none did. */
  readonly rule?: string
  /** As many of the names as its record may hold; absent: all of them. */
  readonly names?: readonly [string, ...string[]]
  /** Beside the body and the key, what it was refused for; absent where that says nothing of it. */
  readonly asked?: RecordedAsk
}

/** What stood beside a request that was refused for it, as far as it takes to refuse it again. */
export interface RecordedAsk {
  readonly operation: Asked['operation']
  /** Of the deployment; null: unnamed. */
  readonly environment: string | null
  /** Tags that a budget is kept by, and that the request did not have. */
  readonly missingTags?: readonly string[]
  /** The tag whose word means nothing: its name, never the word. */
  readonly unreadTag?: TagRead
}

/** The refusal as a record holds it. */
export interface RecordedRefusal {
  readonly status: number
  readonly code: string
  /** What the caller was told; absent where the exclusions of the record say it. */
  readonly reason?: string
  readonly rule?: string
}

/** What was known of a request before it was refused. */
export interface Before {
  readonly read: RequestFacts
  /** After rules; absent: as they were read. */
  readonly facts?: RequestFacts
  readonly rules?: readonly string[]
  readonly candidates?: readonly Candidate[]
  readonly exclusions?: readonly Exclusion[]
}

/** What a refusal was made of that came before there was a plan. Chance is drawn all the same: another configuration may plan it. */
export function refusedBefore(
  request: CanonicalRequest,
  refused: Refusal,
  { read, facts = read, rules = [], candidates = [], exclusions = [] }: Before,
  ports: PlanPorts,
): Decided {
  const input: PlanInput = {
    facts,
    preferences: request.provider ?? {},
    candidates,
    policy: plainPolicy,
    isThrifty: false,
    nowMs: ports.nowMs(),
    seed: seedOf(ports.random()),
  }
  const plan: Plan = { kind: 'none', exclusions, facts }
  return { input, read, rules, plan, found: candidates, refused }
}

/** Of a name that leads nowhere, or of a key that may not use it, do this, do it here, or do it without a tag. */
export function unresolved(
  request: CanonicalRequest,
  error: GatewayError,
  caller: Caller,
  asked: Asked,
  ports: PlanPorts,
): Decided {
  const { runtime } = ports
  const again = resolveRequest(request, withoutAsked(caller), asked, runtime)
  const isForNames = 'code' in again && again.message === error.message
  const refused = isForNames
    ? { error, names: namesUpTo(error, request) }
    : { error, asked: askedOf(caller, asked, runtime) }
  const read = asked.recorded?.read ?? classify(request)
  return refusedBefore(request, refused, { read }, ports)
}

/** Of a request whose tag holds a word that means nothing: nothing else was read. */
export function unread(
  request: CanonicalRequest,
  error: GatewayError,
  caller: Caller,
  asked: Asked,
  ports: PlanPorts,
): Decided {
  const tag = tagsRead.find((name) => error.message.includes(`"${name}"`))
  const known = askedOf(caller, asked, ports.runtime)
  const refused = { error, asked: tag === undefined ? known : { ...known, unreadTag: tag } }
  const read = asked.recorded?.read ?? classify(request)
  return refusedBefore(request, refused, { read }, ports)
}

function askedOf(
  { profile }: Caller,
  { operation, tags }: Asked,
  { environment }: Runtime,
): RecordedAsk {
  const own = mergeTags(profile?.grant.tags ?? {}, tags)
  const missingTags = (profile?.requiredTags ?? []).filter((name) => !Object.hasOwn(own, name))
  return { operation, environment, ...(missingTags.length === 0 ? {} : { missingTags }) }
}

/** The caller, were its key refused nothing but names. */
function withoutAsked(caller: Caller): Caller {
  const { profile } = caller
  if (profile === null) return caller
  const grant = { ...profile.grant, operations: null, environments: null }
  return { ...caller, profile: { ...profile, grant, requiredTags: [] } }
}

/** A short name of a refusal with all its reasons, as `planName` is one of a plan. */
export function refusalName(plan: string, { status, code, param, message }: GatewayError): string {
  return stableName(`${plan}\n${status} ${code} ${param ?? ''}\n${message}`)
}

export function recordOfRefusal({ error, rule }: Refusal, { exclusions }: Plan): RecordedRefusal {
  const { status, code, message } = error
  return {
    status,
    code,
    // It would say the exclusions once more.
    ...(exclusions.length === 0 ? { reason: message } : {}),
    ...(rule === undefined ? {} : { rule }),
  }
}

/** Names that lead nowhere are the caller's own words: no longer than they are told back, and none behind the one that is refused. */
function namesUpTo(
  { message }: GatewayError,
  { model, models = [] }: CanonicalRequest,
): readonly [string, ...string[]] {
  const first = clip(model)
  const rest = models.map(clip)
  if (message.includes(`"${first}"`)) return [first]
  const at = rest.findIndex((name) => message.includes(`"${name}"`))
  return [first, ...rest.slice(0, at + 1 || rest.length)]
}
