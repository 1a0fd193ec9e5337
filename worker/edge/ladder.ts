import type { Config, RouteConfig } from './config-schema.ts'
import {
  cacheSchema,
  type RungConfig,
  type ScarcityConfig,
  type TierIntent,
  type ValidateConfig,
} from './ladder-schema.ts'
import { parseTemplate, type TemplatePart } from './template.ts'
import { isLesser, tiersOf } from './tiers.ts'

/** One thing to try when a route cannot answer as it should. */
export type Rung =
  | { readonly kind: 'cache' }
  | { readonly kind: 'smaller-model' }
  | { readonly kind: 'shorter'; readonly maxOutputTokens: number }
  | { readonly kind: 'template'; readonly parts: readonly TemplatePart[] }
  | { readonly kind: 'deferred' }

export interface CacheRules {
  /** Asked before anybody else is. */
  readonly isFirst: boolean
  readonly ttlMs: number
  readonly maxAnswerBytes: number
}

/** What the engine knows of a route whose answers may be less than asked; compiled once for each isolate. */
export interface RouteLadder {
  readonly rungs: readonly Rung[]
  readonly cache: CacheRules | null
  readonly validation: ValidateConfig | null
  /** By target, what the route it comes from asks of answers beside: of requests that name several routes. */
  readonly checks?: ReadonlyMap<string, ValidateConfig>
  /** Of each tier of the plan. */
  readonly intents: readonly (TierIntent | null)[]
  /** Lesser tiers wait for their rung. */
  readonly holdsBack: boolean
  readonly priority: NonNullable<RouteConfig['priority']>
  /** Null: everybody alike. */
  readonly scarcity: ScarcityConfig | null
}

/** By route; under null what holds for requests that name a target or a model. Routes without such options have none. */
export type Ladders = ReadonlyMap<string | null, RouteLadder>

export function createLadders({ routes, scarcity: declared }: Config): Ladders {
  const scarcity = declared ?? null
  const ladders = new Map<string | null, RouteLadder>()
  for (const [name, route] of Object.entries(routes)) {
    const ladder = ladderOf(route, scarcity)
    if (ladder !== null) ladders.set(name, ladder)
  }
  if (scarcity !== null) ladders.set(null, { ...noLadder, scarcity })
  return ladders
}

export const noLadder: RouteLadder = {
  rungs: [],
  cache: null,
  validation: null,
  intents: [],
  holdsBack: false,
  priority: 'standard',
  scarcity: null,
}

function ladderOf(route: RouteConfig, scarcity: ScarcityConfig | null): RouteLadder | null {
  const { degrade = [], cache, validate = null, priority = 'standard' } = route
  const { intents } = tiersOf(route)
  const isPlain = degrade.length === 0 && cache === undefined && validate === null
  if (isPlain && scarcity === null && !intents.some(isLesser)) return null
  const rungs = degrade.map(rungOf)
  const has = (kind: Rung['kind']) => rungs.some((rung) => rung.kind === kind)
  return {
    rungs,
    cache: cacheRulesOf(cache ?? (has('cache') ? cacheSchema.parse({}) : undefined)),
    validation: validate,
    intents,
    holdsBack: has('smaller-model'),
    priority,
    scarcity,
  }
}

function cacheRulesOf(cache: RouteConfig['cache']): CacheRules | null {
  if (cache === undefined) return null
  const { mode, ttlSeconds, maxAnswerBytes } = cache
  return { isFirst: mode === 'first', ttlMs: ttlSeconds * 1000, maxAnswerBytes }
}

export function rungName(rung: RungConfig): Rung['kind'] {
  return typeof rung === 'string' ? rung : rung.rung
}

function rungOf(rung: RungConfig): Rung {
  if (rung === 'shorter') return { kind: 'shorter', maxOutputTokens: 256 }
  if (typeof rung === 'string') return { kind: rung }
  switch (rung.rung) {
    case 'shorter':
      return { kind: 'shorter', maxOutputTokens: rung.maxOutputTokens }
    case 'template': {
      const parsed = parseTemplate(rung.text)
      if (!parsed.ok) throw new Error(`a template ${parsed.rule}`)
      return { kind: 'template', parts: parsed.parts }
    }
    default:
      return { kind: rung.rung }
  }
}
