import type { Feature } from '../canonical/features.ts'
import type { Candidate } from '../policy/candidate.ts'
import type { ReservedRate } from '../policy/reserve.ts'
import type { NameSpace, WeightedTarget } from '../policy/resolve.ts'
import { abortBillingOf } from '../catalog/abort-billing.ts'
import { cacheLifetimeMsOf } from '../catalog/cache-lifetimes.ts'
import { reservedOf } from './compile-ranking.ts'
import { adapterFacts, declaredFree, modelFacts, type ModelFacts } from '../catalog/index.ts'
import type { AdapterTarget, ProviderAdapter } from '../providers/adapter.ts'
import type { Config, RouteConfig } from './config-schema.ts'
import { modelOfTarget, providerOfTarget } from './config.ts'
import { createLadders, type Ladders } from './ladder.ts'
import { withChosenTiers } from './chosen-tiers.ts'
import { refuseImpossible } from './config-lint.ts'
import { declaredFacts, type DeclaredFacts } from './declared-facts.ts'
import { createPolicies, type Policies } from './policies.ts'
import { createProvider, type Provider, type Variables } from './provider.ts'
import { tiersOf } from './tiers.ts'

export interface Target {
  readonly name: string
  readonly model: string
  readonly provider: Provider
  readonly adapterTarget: AdapterTarget
  readonly facts: ModelFacts | null
  /** Capacity that is paid for anyway; null: none. */
  readonly reserved: ReservedRate | null
  /** Calls it takes at once from all isolates together; null: nobody says. */
  readonly maxConcurrent: number | null
  /** What the policy reads of it that no request changes. */
  readonly standing: Omit<Candidate, 'tier' | 'weight' | 'notBeforeMs'>
}

/** The configuration with names resolved, made once for each isolate. */
export interface Runtime {
  /** With the targets of every tier. */
  readonly config: Config
  readonly version: string
  readonly targets: ReadonlyMap<string, Target>
  readonly routes: ReadonlyMap<string, RouteConfig>
  readonly tiers: ReadonlyMap<string, readonly (readonly WeightedTarget[])[]>
  /** Bare model id -> targets that serve it. */
  readonly models: ReadonlyMap<string, readonly string[]>
  /** Tenant -> what its names can mean. */
  readonly spaces: ReadonlyMap<string, NameSpace>
  /** Everything that can be named. */
  readonly names: NameSpace
  /** Rules and constraints. */
  readonly policies: Policies
  /** What routes with such options do when they cannot answer as they should; most have no entry. */
  readonly ladders: Ladders
  /** Of this deployment (`SWITCHYARD_ENVIRONMENT`), such as `production`; null: unnamed. */
  readonly environment: string | null
}

/** Throws a `ConfigurationError` of what can never be. */
export function createRuntime(written: Config, version: string, variables: Variables): Runtime {
  const providers = new Map(
    Object.entries(written.providers).map(([id, provider]) => [
      id,
      createProvider(id, provider, variables),
    ]),
  )
  const { targets, models } = createTargets(written, providers)
  const config = withChosenTiers(written, targets)
  const tiers = new Map(
    Object.entries(config.routes).map(([name, route]) => [name, tiersOf(route).targets]),
  )
  const names = {
    routes: tiers,
    targets: new Set(targets.keys()),
    models,
    allowedRoutes: ['*'],
    directTargets: true,
  }
  const spaces = new Map(
    Object.entries(config.tenants).map(([tenant, rights]) => [
      tenant,
      { ...names, allowedRoutes: rights.routes, directTargets: rights.directTargets },
    ]),
  )
  const routes = new Map(Object.entries(config.routes))
  const { SWITCHYARD_ENVIRONMENT: environment } = variables
  const runtime: Runtime = {
    config,
    version,
    targets,
    models,
    routes,
    tiers,
    spaces,
    names,
    policies: createPolicies(config),
    ladders: createLadders(config),
    environment: typeof environment === 'string' && environment !== '' ? environment : null,
  }
  refuseImpossible(runtime)
  return runtime
}

/** All declared targets, and which of them serve a bare model id, in the order of the file. */
function createTargets(
  config: Config,
  providers: ReadonlyMap<string, Provider>,
): { targets: Map<string, Target>; models: Map<string, string[]> } {
  const targets = new Map<string, Target>()
  const models = new Map<string, string[]>()
  for (const [name, declared] of Object.entries(config.targets)) {
    const { upstreamModel, catalogModel, free } = declared
    const provider = providers.get(providerOfTarget(name))
    if (provider === undefined)
      throw new Error(`target "${name}" names a provider that is not declared`)
    const model = modelOfTarget(name)
    const upstream = upstreamModel ?? model
    const known = factsOf(provider, [catalogModel ?? upstream, model])
    const facts = free === true ? declaredFree(known, provider.id, model) : known
    targets.set(
      name,
      createTarget(
        name,
        model,
        upstream,
        provider,
        facts,
        config.providers[provider.id]?.options ?? {},
        declaredFacts(declared, config.providers[provider.id]),
        declared.maxConcurrent ?? null,
        reservedOf(declared),
      ),
    )
    models.set(model, [...(models.get(model) ?? []), name])
  }
  return { targets, models }
}

/** Adapters whose models the catalog files under another vendor's name. */
const catalogNames: Readonly<Record<string, string>> = { 'azure-foundry': 'azure-openai' }

/** Facts are filed by vendor: a provider that is called something else is found by its adapter. */
function factsOf({ id, adapter }: Provider, models: readonly string[]): ModelFacts | null {
  for (const vendor of [id, catalogNames[adapter.id] ?? adapter.id]) {
    for (const model of models) {
      const facts = modelFacts(vendor, model)
      if (facts !== null) return facts
    }
  }
  return null
}

/** What a tenant's `model` can mean. */
export function nameSpace(runtime: Runtime, tenant: string): NameSpace | null {
  return runtime.spaces.get(tenant) ?? null
}

/**
 * The plain data that the policy reads of each target, with how it stands now. Of one shape, whether something is known of
 * its health or not: a second shape that is seldom there costs all functions that saw both their optimized code, each
 * time the collector finds none of it (`--trace-deopt`, "embedded weak objects cleared").
 */
export function candidates(
  runtime: Runtime,
  tiers: readonly (readonly WeightedTarget[])[],
  standingOf: (
    target: Target,
  ) => Pick<Candidate, 'notBeforeMs'> & { readonly health: Candidate['health'] | undefined },
): readonly Candidate[] {
  let found = standingCandidates.get(tiers)
  if (found === undefined) standingCandidates.set(tiers, (found = standing(runtime, tiers)))
  return found.map((candidate) => {
    const target = runtime.targets.get(candidate.target)
    const { health, notBeforeMs } = target === undefined ? unknown : standingOf(target)
    if (health === undefined && notBeforeMs === 0) return candidate
    return { ...candidate, notBeforeMs, health }
  })
}

const unknown = { health: undefined, notBeforeMs: 0 }

/** The tiers of a route are the same list for every request that names it. */
const standingCandidates = new WeakMap<
  readonly (readonly WeightedTarget[])[],
  readonly Candidate[]
>()

function standing(
  runtime: Runtime,
  tiers: readonly (readonly WeightedTarget[])[],
): readonly Candidate[] {
  return tiers.flatMap((tier, tierIndex) =>
    tier.flatMap(({ target: name, weight }) => {
      const target = runtime.targets.get(name)
      if (target === undefined) return []
      return [{ ...target.standing, tier: tierIndex, weight, notBeforeMs: 0, health: undefined }]
    }),
  )
}

function createTarget(
  name: string,
  model: string,
  upstreamModel: string,
  provider: Provider,
  facts: ModelFacts | null,
  options: Readonly<Record<string, string>>,
  declared: DeclaredFacts,
  maxConcurrent: number | null,
  reserved: ReservedRate | null,
): Target {
  const adapterTarget: AdapterTarget = {
    upstreamModel,
    options,
    ...(facts?.maxOutputTokens === undefined || facts.maxOutputTokens === null
      ? {}
      : { maxOutputTokens: facts.maxOutputTokens }),
    ...(facts === null ? {} : { facts: adapterFacts(facts) }),
  }
  return {
    name,
    model,
    provider,
    adapterTarget,
    facts,
    reserved,
    maxConcurrent,
    standing: {
      target: name,
      provider: provider.id,
      model,
      features: featuresOf(provider.adapter, adapterTarget, facts),
      contextTokens: facts?.contextTokens ?? null,
      maxOutputTokens: facts?.maxOutputTokens ?? null,
      ...(provider.adapter.maxStopSequences === undefined
        ? {}
        : { maxStopSequences: provider.adapter.maxStopSequences }),
      inputUsdPerMillion: usdPerMillion(facts?.prices?.input),
      outputUsdPerMillion: usdPerMillion(facts?.prices?.output),
      wire: provider.adapter.wire,
      unavailable:
        provider.missing.length === 0 ? null : `${provider.missing.join(', ')} is not set here`,
      prices: facts?.prices ?? null,
      abortBilling: abortBillingOf(provider.id),
      cacheLifetimeMs: cacheLifetimeMsOf(provider.id),
      ...declared,
    },
  }
}

/** The catalog counts in micro-USD per million tokens. */
function usdPerMillion(microUsd: number | undefined): number | null {
  return microUsd === undefined ? null : microUsd / 1_000_000
}

/** What the wire can carry, less what its vendor or the catalog says this model cannot do. Unknown is not "cannot". */
function featuresOf(
  adapter: ProviderAdapter,
  target: AdapterTarget,
  facts: ModelFacts | null,
): ReadonlySet<Feature> {
  const features = new Set(adapter.features)
  // Of the model, not of the wire: every wire with tools can carry several calls.
  if (features.has('tools') && facts?.parallelTools !== false) features.add('parallelTools')
  for (const lost of adapter.lacks?.(target) ?? []) features.delete(lost)
  if (facts === null) return features
  const known = adapterFacts(facts)
  const without = (fact: boolean | undefined, ...lost: readonly Feature[]) => {
    if (fact === false) for (const feature of lost) features.delete(feature)
  }
  without(known.vision, 'imageUrl', 'imageBase64', 'toolResultImages')
  without(
    known.tools,
    'tools',
    'parallelTools',
    'toolChoiceRequired',
    'toolChoiceNamed',
    'toolChoiceAllowed',
    'toolChoiceNone',
    'customTools',
  )
  without(known.jsonSchema, 'jsonSchema')
  without(known.pdfInput, 'fileBase64', 'fileUrl')
  without(known.audioInput, 'audioInput')
  without(known.videoInput, 'videoInput')
  without(known.audioOutput, 'audioOutput', 'audioHistory')
  without(known.imageOutput, 'imageOutput')
  without(known.prefill, 'prefill')
  without(known.reasoning, 'reasoning')
  return features
}
