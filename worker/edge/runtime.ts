import type { Feature } from '../canonical/features.ts'
import type { Candidate } from '../policy/candidate.ts'
import type { NameSpace, WeightedTarget } from '../policy/resolve.ts'
import { adapterFacts, declaredFree, modelFacts, type ModelFacts } from '../catalog/index.ts'
import type { AdapterTarget, ProviderAdapter } from '../providers/adapter.ts'
import type { Config, RouteConfig } from './config-schema.ts'
import { modelOfTarget, providerOfTarget } from './config.ts'
import { createProvider, type Provider, type Variables } from './provider.ts'

export interface Target {
  readonly name: string
  readonly model: string
  readonly provider: Provider
  readonly adapterTarget: AdapterTarget
  readonly facts: ModelFacts | null
  /** What the policy reads of it that no request changes. */
  readonly standing: Omit<Candidate, 'tier' | 'weight' | 'notBeforeMs'>
}

/** The configuration with names resolved, made once for each isolate. */
export interface Runtime {
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
  /** Of this deployment (`SWITCHYARD_ENVIRONMENT`), such as `production`; null: unnamed. */
  readonly environment: string | null
}

export function createRuntime(config: Config, version: string, variables: Variables): Runtime {
  const providers = new Map(
    Object.entries(config.providers).map(([id, provider]) => [
      id,
      createProvider(id, provider, variables),
    ]),
  )
  const targets = new Map<string, Target>()
  const models = new Map<string, string[]>()
  for (const [name, { upstreamModel, catalogModel, free }] of Object.entries(config.targets)) {
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
      ),
    )
    models.set(model, [...(models.get(model) ?? []), name])
  }
  const tiers = new Map(
    Object.entries(config.routes).map(([name, route]) => [name, tiersOf(route)]),
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
  return {
    config,
    version,
    targets,
    models,
    routes,
    tiers,
    spaces,
    names,
    environment: typeof environment === 'string' && environment !== '' ? environment : null,
  }
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

/** The plain data that the policy reads of each target, with how it stands now. */
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
    return { ...candidate, notBeforeMs, ...(health === undefined ? {} : { health }) }
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
      return [{ ...target.standing, tier: tierIndex, weight, notBeforeMs: 0 }]
    }),
  )
}

/** The tiers of a route; a target that stands in two of them counts in the first. */
function tiersOf(route: RouteConfig): WeightedTarget[][] {
  const seen = new Set<string>()
  const tiers = route.tiers.map((tier) =>
    tier
      .map((entry) => (typeof entry === 'string' ? { target: entry, weight: 1 } : entry))
      .filter(({ target }) => !seen.has(target) && seen.add(target)),
  )
  return tiers.filter((tier) => tier.length > 0)
}

function createTarget(
  name: string,
  model: string,
  upstreamModel: string,
  provider: Provider,
  facts: ModelFacts | null,
  options: Readonly<Record<string, string>>,
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
