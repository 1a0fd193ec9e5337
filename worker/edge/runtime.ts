import type { Feature } from '../canonical/features.ts'
import type { Candidate } from '../policy/candidate.ts'
import type { NameSpace, WeightedTarget } from '../policy/resolve.ts'
import { adapterFacts, modelFacts, type ModelFacts } from '../catalog/index.ts'
import type { AdapterTarget, ProviderAdapter } from '../providers/adapter.ts'
import { adapterOf } from '../providers/index.ts'
import type { Config, ProviderConfig, RouteConfig } from './config-schema.ts'
import {
  baseUrlRule,
  ConfigurationError,
  fillPlaceholders,
  modelOfTarget,
  providerOfTarget,
} from './config.ts'
import {
  headerCredential,
  noCredential,
  sigv4Credential,
  type BoundCredential,
} from './credentials.ts'

/** A provider as a request needs it: adapter, address, credential. */
export interface Provider {
  readonly id: string
  readonly adapter: ProviderAdapter
  /** Base URL without a trailing slash; null when the provider is called through a binding. */
  readonly baseUrl: string | null
  /** Null when a secret is missing: the provider cannot be called. */
  readonly credential: BoundCredential | null
  /** Name of the Workers AI binding. */
  readonly binding: string | null
  readonly regions: readonly string[]
  /** Secrets and settings that the configuration names and the environment lacks. */
  readonly missing: readonly string[]
}

export interface Target {
  readonly name: string
  readonly model: string
  readonly provider: Provider
  readonly adapterTarget: AdapterTarget
  readonly features: ReadonlySet<Feature>
  readonly facts: ModelFacts | null
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
}

/** Variables and secrets by name. Values that are no strings (bindings) are ignored. */
export type Variables = Readonly<Record<string, unknown>>

export function createRuntime(config: Config, version: string, variables: Variables): Runtime {
  const providers = new Map(
    Object.entries(config.providers).map(([id, provider]) => [
      id,
      createProvider(id, provider, variables),
    ]),
  )
  const targets = new Map<string, Target>()
  const models = new Map<string, string[]>()
  for (const [name, { upstreamModel, catalogModel }] of Object.entries(config.targets)) {
    const provider = providers.get(providerOfTarget(name))
    if (provider === undefined)
      throw new Error(`target "${name}" names a provider that is not declared`)
    const model = modelOfTarget(name)
    const upstream = upstreamModel ?? model
    const facts =
      modelFacts(provider.id, catalogModel ?? upstream) ?? modelFacts(provider.id, model)
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
  return {
    config,
    version,
    targets,
    models,
    routes: new Map(Object.entries(config.routes)),
    tiers: new Map(Object.entries(config.routes).map(([name, route]) => [name, tiersOf(route)])),
  }
}

/** What a tenant's `model` can mean. */
export function nameSpace(runtime: Runtime, tenant: string): NameSpace | null {
  const rights = runtime.config.tenants[tenant]
  if (rights === undefined) return null
  return {
    routes: runtime.tiers,
    targets: new Set(runtime.targets.keys()),
    models: runtime.models,
    allowedRoutes: rights.routes,
    directTargets: rights.directTargets,
  }
}

/** The plain data that the policy reads of each target. */
export function candidates(
  runtime: Runtime,
  tiers: readonly (readonly WeightedTarget[])[],
  notBeforeMs: (target: string) => number,
): Candidate[] {
  return tiers.flatMap((tier, tierIndex) =>
    tier.flatMap(({ target: name, weight }) => {
      const target = runtime.targets.get(name)
      if (target === undefined) return []
      const { provider, facts } = target
      return [
        {
          target: name,
          provider: provider.id,
          model: target.model,
          tier: tierIndex,
          weight,
          features: target.features,
          contextTokens: facts?.contextTokens ?? null,
          maxOutputTokens: facts?.maxOutputTokens ?? null,
          inputUsdPerMillion: usdPerMillion(facts?.prices?.input),
          outputUsdPerMillion: usdPerMillion(facts?.prices?.output),
          wire: provider.adapter.wire,
          notBeforeMs: notBeforeMs(name),
          unavailable:
            provider.missing.length === 0 ? null : `${provider.missing.join(', ')} is not set here`,
        },
      ]
    }),
  )
}

function tiersOf(route: RouteConfig): WeightedTarget[][] {
  return route.tiers.map((tier) =>
    tier.map((entry) => (typeof entry === 'string' ? { target: entry, weight: 1 } : entry)),
  )
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
    features: featuresOf(provider.adapter, facts),
  }
}

/** The catalog counts in micro-USD per million tokens. */
function usdPerMillion(microUsd: number | undefined): number | null {
  return microUsd === undefined ? null : microUsd / 1_000_000
}

/** What the wire can carry, less what the catalog says this model cannot do. Unknown is not "cannot". */
function featuresOf(adapter: ProviderAdapter, facts: ModelFacts | null): ReadonlySet<Feature> {
  if (facts === null) return adapter.features
  const known = adapterFacts(facts)
  const features = new Set(adapter.features)
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
  without(known.audioInput, 'audioInput')
  without(known.prefill, 'prefill')
  without(known.reasoning, 'reasoning')
  return features
}

function createProvider(id: string, config: ProviderConfig, variables: Variables): Provider {
  const adapter = adapterOf(config.adapter)
  if (adapter === undefined)
    throw new ConfigurationError(`providers.${id}.adapter: no adapter is named "${config.adapter}"`)
  const regions = config.regions
  if (config.binding !== undefined) {
    return {
      id,
      adapter,
      baseUrl: null,
      credential: null,
      binding: config.binding,
      regions,
      missing: [],
    }
  }
  const missing: string[] = []
  const text = (name: string) => {
    const value = variables[name]
    if (typeof value === 'string' && value !== '') return value
    missing.push(name)
    return 'missing'
  }
  const baseUrl = fillPlaceholders(config.baseUrl ?? '', text).replace(/\/+$/, '')
  const simulator = variables['SWITCHYARD_SIMULATOR_URL']
  const local = variables['SWITCHYARD_LOCAL'] === '1'
  const rule = missing.length > 0 ? null : baseUrlRule(baseUrl, { local })
  if (rule !== null)
    throw new ConfigurationError(`providers.${id}.baseUrl, with its variables filled in, ${rule}`)
  const credential = createCredential(config, new URL(baseUrl).host, text)
  // Without its secrets a provider is played by the simulator, where one is running: local only.
  if (missing.length > 0 && typeof simulator === 'string' && local) {
    return simulated(id, adapter, config, simulator, regions)
  }
  return {
    id,
    adapter,
    baseUrl,
    credential: missing.length > 0 ? null : credential,
    binding: null,
    regions,
    missing,
  }
}

function createCredential(
  { credential }: ProviderConfig,
  host: string,
  text: (name: string) => string,
): BoundCredential {
  switch (credential.kind) {
    case 'none':
      return noCredential(host)
    case 'bearer':
      return headerCredential(host, 'authorization', `Bearer ${text(credential.secret)}`)
    case 'header':
      return headerCredential(host, credential.name, text(credential.secret))
    case 'sigv4':
      return sigv4Credential(host, {
        accessKeyId: text(credential.accessKeyId),
        secretAccessKey: text(credential.secretAccessKey),
        service: credential.service,
        region: credential.region,
        ...(credential.sessionToken === undefined
          ? {}
          : { sessionToken: text(credential.sessionToken) }),
      })
  }
}

function simulated(
  id: string,
  adapter: ProviderAdapter,
  config: ProviderConfig,
  simulator: string,
  regions: readonly string[],
): Provider {
  const credential = createCredential(config, new URL(simulator).host, () => 'simulated')
  return {
    id,
    adapter,
    baseUrl: `${simulator}/${id}`,
    credential,
    binding: null,
    regions,
    missing: [],
  }
}
