import { defaultDetectorClasses, type DetectorClasses } from '../policy/data-class.ts'
import { findings, type Finding } from '../policy/data-scan.ts'
import type { SourcedConstraint } from '../policy/constraint.ts'
import { residencyConstraint } from '../policy/constraints.ts'
import { plainPolicy, type RoutePolicy } from '../policy/route-policy.ts'
import type { DataClass } from '../policy/request-facts.ts'
import type { Condition } from '../policy/rule.ts'
import { compileRules, type CompiledRules } from '../policy/rules.ts'
import type { RankingPolicy } from '../policy/ranking.ts'
import { rankingOf } from './compile-ranking.ts'
import { rungName } from './ladder.ts'
import type { Config, RouteConfig, TenantConfig } from './config-schema.ts'
import { tiersOf } from './tiers.ts'

/** Which facts of a request somebody reads: what nobody reads is not gathered. */
export interface FactsRead {
  /** The class of the request; read off its shape where nobody gives it. */
  readonly class: boolean
  /** The class of the data: texts are scanned. */
  readonly data: boolean
  /** Where the client is. */
  readonly region: boolean
  readonly tags: boolean
}

/** What the configuration says of rules and constraints, compiled once for each isolate. */
export interface Policies {
  /** Null: no rule, no constraint and no data facts are declared; nothing is gathered for them. */
  readonly reads: FactsRead | null
  readonly rules: CompiledRules | null
  readonly detectors: DetectorClasses
  /** Some detector is on. */
  readonly detects: boolean
  readonly routes: ReadonlyMap<string, RoutePolicy>
  readonly tenants: ReadonlyMap<string, TenantPolicy>
  /** Merged policies by route, tenant and residency, made when they are first asked for. */
  readonly merged: Map<string, RoutePolicy>
}

export interface TenantPolicy {
  readonly tier: string | null
  readonly dataClass: DataClass | null
  /** Of its `constraints` and its `residency`. */
  readonly constraints: readonly SourcedConstraint[]
}

/** For `/v1/explain`, which shows every fact. */
export const readsAll: FactsRead = { class: true, data: true, region: true, tags: true }

export function createPolicies(config: Config): Policies {
  const rules = config.rules ?? []
  const detectors = detectorsOf(config)
  return {
    reads: readsOf(config),
    rules: rules.length === 0 ? null : compileRules(rules),
    detectors,
    detects: findings.some((finding) => detectors[finding] !== null),
    routes: new Map(
      Object.entries(config.routes).map(([name, route]) => [
        name,
        withIntents(withRanking(routePolicyOf(route), rankingOf(name, route, config)), route),
      ]),
    ),
    tenants: new Map(
      Object.entries(config.tenants).map(([name, tenant]) => [name, tenantPolicyOf(tenant)]),
    ),
    merged: new Map(),
  }
}

function routePolicyOf({ constraints }: RouteConfig): RoutePolicy {
  if (constraints === undefined) return plainPolicy
  return { constraints: [{ source: 'the route', constraint: constraints }] }
}

function withRanking(policy: RoutePolicy, ranking: RankingPolicy | undefined): RoutePolicy {
  return ranking === undefined ? policy : { ...policy, ranking }
}

function withIntents(policy: RoutePolicy, route: RouteConfig): RoutePolicy {
  const { intents } = tiersOf(route)
  return intents.every((intent) => intent === null) ? policy : { ...policy, intents }
}

function tenantPolicyOf({ tier, dataClass, constraints, residency }: TenantConfig): TenantPolicy {
  return {
    tier: tier ?? null,
    dataClass: dataClass ?? null,
    constraints: [
      ...(constraints === undefined ? [] : [{ source: 'the tenant', constraint: constraints }]),
      ...(residency === undefined ? [] : [residencyConstraint(residency)]),
    ],
  }
}

function detectorsOf({ detectors = {} }: Config): DetectorClasses {
  const made = { ...defaultDetectorClasses } as Record<Finding, DataClass | null>
  for (const finding of findings) {
    const declared = detectors[finding]
    if (declared !== undefined) made[finding] = declared === 'off' ? null : declared
  }
  return made
}

function readsOf(config: Config): FactsRead | null {
  const read = new Set((config.rules ?? []).flatMap(({ when }) => factsIn(when)))
  const data = read.has('dataClass') || read.has('found') || handlesByDataClass(config)
  if (read.size === 0 && !data) return null
  return {
    class: read.has('class'),
    data,
    region: read.has('region'),
    tags: read.has('tags'),
  }
}

/** Something beside the rules goes by the class of the data. */
function handlesByDataClass({ providers, targets, routes }: Config): boolean {
  const declared = [...Object.values(providers), ...Object.values(targets)]
  return (
    declared.some(({ data }) => data?.maxDataClass !== undefined) ||
    Object.values(routes).some(
      ({ cache, shadow, degrade = [] }) =>
        cache !== undefined ||
        shadow !== undefined ||
        degrade.some((rung) => rungName(rung) === 'cache'),
    )
  )
}

/** Names of all facts in a condition. */
function factsIn({ all = [], any = [], not, ...tests }: Condition): string[] {
  return [
    ...Object.keys(tests),
    ...[...all, ...any, ...(not === undefined ? [] : [not])].flatMap(factsIn),
  ]
}

/** The policy of one request before its rules: of its route, with what its tenant asks for beside. */
export function policyFor(
  policies: Policies,
  route: string | null,
  tenant: string,
  residency: string | null,
): RoutePolicy {
  const own = (route === null ? undefined : policies.routes.get(route)) ?? plainPolicy
  const asked = policies.tenants.get(tenant)?.constraints ?? none
  if (asked.length === 0 && residency === null) return own
  const key = JSON.stringify([route, tenant, residency])
  let merged = policies.merged.get(key)
  if (merged === undefined) {
    // The configuration and the key may both pin the tenant: the same words are the same object.
    const pin = residency === null ? [] : [residencyConstraint(residency)]
    merged = withConstraints(own, [...new Set([...asked, ...pin])])
    keep(policies.merged, key, merged)
  }
  return merged
}

const none: readonly SourcedConstraint[] = []

/** Tenants come from keys, and keys are many: what is kept has an end. */
const mostMerged = 1000

function keep(merged: Map<string, RoutePolicy>, key: string, policy: RoutePolicy): void {
  if (merged.size >= mostMerged) merged.clear()
  merged.set(key, policy)
}

/** The same policy with further constraints: it can only be narrower. */
export function withConstraints(
  policy: RoutePolicy,
  more: readonly SourcedConstraint[],
): RoutePolicy {
  return more.length === 0
    ? policy
    : { ...policy, constraints: [...(policy.constraints ?? []), ...more] }
}
