import type { Prices } from '../catalog/index.ts'
import type { NameSpace } from '../policy/resolve.ts'
import type { Runtime, Target } from './runtime.ts'

/** One entry of `GET /v1/models`: OpenAI's fields, with what the catalog knows beside them. */
export interface ModelEntry {
  readonly id: string
  readonly object: 'model'
  readonly created: number
  readonly owned_by: string
  readonly context_length: number | null
  readonly pricing: Readonly<Record<string, string>> | null
  /** Day the vendor switches the model off, YYYY-MM-DD; null where none is known. Of a route: the first of its targets to go. */
  readonly retires_on: string | null
  readonly capabilities: readonly string[]
  /** Targets of a route in order, tier by tier; only on routes. */
  readonly targets?: readonly (readonly string[])[]
}

/** Routes first, then targets, then bare model ids; only what the tenant may name. */
export function listModels(runtime: Runtime, rights: NameSpace | null): ModelEntry[] {
  if (rights === null) return []
  const { allowedRoutes } = rights
  const mayUse = (route: string) => allowedRoutes.includes('*') || allowedRoutes.includes(route)
  const routes = [...runtime.tiers.keys()].filter(mayUse).map((name) => routeEntry(name, runtime))
  if (!rights.directTargets) return routes
  const targets = [...runtime.targets.values()].map((target) => targetEntry(target.name, target))
  const models = [...runtime.models].flatMap(([model, [first]]) => {
    const target = runtime.targets.get(first ?? '')
    return target === undefined ? [] : [targetEntry(model, target)]
  })
  return [...routes, ...targets, ...models]
}

function routeEntry(name: string, runtime: Runtime): ModelEntry {
  const tiers = runtime.tiers.get(name) ?? []
  const all = tiers.flat().flatMap(({ target }) => runtime.targets.get(target) ?? [])
  const contexts = all.flatMap(({ facts }) => facts?.contextTokens ?? [])
  const retirements = all.flatMap(({ facts }) => facts?.retiresOn ?? []).toSorted()
  const shared = all
    .map(capabilities)
    .reduce<string[] | null>(
      (common, own) => (common === null ? own : common.filter((one) => own.includes(one))),
      null,
    )
  return {
    id: name,
    object: 'model',
    created: 0,
    owned_by: 'switchyard',
    context_length: contexts.length === 0 ? null : Math.max(...contexts),
    pricing: null,
    retires_on: retirements[0] ?? null,
    capabilities: shared ?? [],
    targets: tiers.map((tier) => tier.map(({ target }) => target)),
  }
}

function targetEntry(id: string, target: Target): ModelEntry {
  return {
    id,
    object: 'model',
    created: 0,
    owned_by: target.provider.id,
    context_length: target.facts?.contextTokens ?? null,
    pricing: pricing(target.facts?.prices ?? null),
    retires_on: target.facts?.retiresOn ?? null,
    capabilities: capabilities(target),
  }
}

const shown = {
  tools: 'tools',
  jsonSchema: 'json_schema',
  jsonMode: 'json_mode',
  imageBase64: 'vision',
  audioInput: 'audio_input',
  fileBase64: 'files',
  reasoning: 'reasoning',
  logprobs: 'logprobs',
} as const

function capabilities({ standing: { features } }: Target): string[] {
  return Object.entries(shown).flatMap(([feature, name]) =>
    features.has(feature as keyof typeof shown) ? [name] : [],
  )
}

/** USD per token as decimal strings, the way OpenRouter's clients read them. The catalog counts micro-USD per million. */
function pricing(prices: Prices | null): Readonly<Record<string, string>> | null {
  if (prices === null) return null
  const perToken = (microUsdPerMillion: number) =>
    (microUsdPerMillion / 1e12).toFixed(12).replace(/\.?0+$/, '')
  return {
    prompt: perToken(prices.input),
    completion: perToken(prices.output),
    ...(prices.cacheRead === undefined ? {} : { input_cache_read: perToken(prices.cacheRead) }),
    ...(prices.cacheWrite === undefined ? {} : { input_cache_write: perToken(prices.cacheWrite) }),
  }
}
