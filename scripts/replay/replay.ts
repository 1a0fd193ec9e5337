import type { KeyProfile } from '../../durable-objects/tenant-ledger/access/verify.ts'
import type { CanonicalRequest } from '../../worker/canonical/request.ts'
import type { Runtime } from '../../worker/edge/runtime.ts'
import type { Caller } from '../../worker/engine/caller.ts'
import {
  type DecisionRecord,
  factsOfRecord,
  planName,
  type RecordedStanding,
} from '../../worker/engine/decision.ts'
import type { MeasurePort } from '../../worker/engine/measure-port.ts'
import { type PlannedOrRefused, planRequest } from '../../worker/engine/plan-request.ts'
import type { PlanPorts } from '../../worker/engine/ports.ts'
import { refusalName } from '../../worker/engine/refused-decision.ts'
import type { Plan } from '../../worker/policy/plan.ts'

/** What a recorded request comes to under a configuration. */
export interface Replayed {
  readonly planned: PlannedOrRefused
  readonly plan: Plan
  /** The plan, or the refusal, that the record was made of, byte for byte. */
  readonly isSame: boolean
}

/**
 * Makes the plan of a record again, by the very function that made it: what was known
 * then comes from the record, everything else from the configuration in `runtime`.
 */
export function replay(record: DecisionRecord, runtime: Runtime): Replayed {
  const recorded = { read: factsOfRecord(record), ranking: record.ranking ?? null }
  const { operation = 'chat', unreadTag } = record.asked ?? {}
  const planned = planRequest(requestOf(record), callerOf(record), portsOf(record, runtime), {
    operation,
    // Any word that means nothing is refused alike.
    tags: unreadTag === undefined ? {} : { [unreadTag]: '' },
    recorded,
  })
  const { plan } = planned.ok ? planned.value : planned.decided
  return { planned, plan, isSame: nameOf(plan, planned, record) === record.plan }
}

/** Of the plan, or of the refusal where the record is one. */
function nameOf(plan: Plan, planned: PlannedOrRefused, { refused }: DecisionRecord): string {
  const name = planName(plan)
  return planned.ok || refused === undefined ? name : refusalName(name, planned.error)
}

/** As much of the request as a plan reads beside its facts. */
function requestOf({ names, preferences, facts }: DecisionRecord): CanonicalRequest {
  const [model, ...models] = names
  const { maxOutputTokens } = facts
  return {
    model,
    ...(models.length === 0 ? {} : { models }),
    ...(preferences === undefined ? {} : { provider: preferences }),
    ...(maxOutputTokens === undefined || maxOutputTokens === null ? {} : { maxOutputTokens }),
    messages: [],
    sampling: {},
    stream: facts.stream ?? false,
    includeUsage: true,
    includeCost: false,
  }
}

function callerOf({ tenant, key, asked }: DecisionRecord): Caller {
  const profile = key === undefined ? null : profileOf(tenant, key, asked)
  return { tenant, keyId: 'replayed', profile }
}

function profileOf(
  tenantId: string,
  key: NonNullable<DecisionRecord['key']>,
  asked: DecisionRecord['asked'],
): KeyProfile {
  return {
    tenantId,
    keyId: 'replayed',
    keyPath: ['replayed'],
    // Where no refusal says otherwise, tags, operation and environment were let through when the request came in.
    grant: asked === undefined ? { ...key.grant, operations: null, environments: null } : key.grant,
    residency: key.residency,
    isStrict: false,
    tier: key.tier,
    storesAnswers: false,
    requiredTags: asked?.missingTags ?? [],
    validForMs: 0,
  }
}

function portsOf(record: DecisionRecord, runtime: Runtime): PlanPorts {
  const { nowMs, seed, thrifty } = record
  const standing = record.standing ?? {}
  const of = (target: string): RecordedStanding => standing[target] ?? {}
  const measures: MeasurePort = {
    measured: (target) => of(target.name).measured ?? unmeasured,
    hasRoom: (target) => of(target.name).reserved === 'room',
    warmth: () => record.ranking?.warmth ?? null,
    outputTokens: () => record.ranking?.outputTokens ?? null,
    stopped: () => record.ranking?.canaryStopped ?? null,
  }
  return {
    runtime: inEnvironment(record, withUnavailable(runtime, standing)),
    nowMs: () => nowMs,
    random: () => seed / 4_294_967_296,
    health: {
      measures,
      standing: ({ name }) => {
        const { health, notBeforeMs = 0 } = of(name)
        return { health, notBeforeMs: notBeforeMs ?? Infinity }
      },
    },
    money: { asksToDegrade: () => thrifty === true },
  }
}

/** The deployment that refused it may be another one than this file is for. */
function inEnvironment({ asked }: DecisionRecord, runtime: Runtime): Runtime {
  return asked === undefined ? runtime : { ...runtime, environment: asked.environment }
}

/** Of a target that the record knows nothing of: it is new in this configuration. */
const unmeasured = {
  firstTokenP50Ms: null,
  firstTokenP95Ms: null,
  tokensPerSecond: null,
  failureRate: null,
  schemaValidity: null,
  toolCallValidity: null,
  samples: 0,
}

/** Secrets that were missing then are missing now. */
function withUnavailable(runtime: Runtime, standing: DecisionRecord['standing'] = {}): Runtime {
  if (Object.values(standing).every(({ unavailable }) => unavailable === undefined)) return runtime
  const targets = new Map(
    [...runtime.targets].map(([name, target]) => {
      const unavailable = standing[name]?.unavailable
      return unavailable === undefined
        ? [name, target]
        : [name, { ...target, standing: { ...target.standing, unavailable } }]
    }),
  )
  // Candidates are remembered by their list of tiers.
  const tiers = new Map([...runtime.tiers].map(([name, list]) => [name, [...list]]))
  const spaceWith = { routes: tiers }
  const spaces = new Map(
    [...runtime.spaces].map(([tenant, space]) => [tenant, { ...space, ...spaceWith }]),
  )
  return { ...runtime, targets, tiers, spaces, names: { ...runtime.names, ...spaceWith } }
}
