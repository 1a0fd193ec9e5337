import type { NanoUsd } from '../money.ts'
import type { PeriodKind } from '../rows.ts'

/** A budget that comes with a key; UTC. */
export interface KeyBudget {
  readonly period: PeriodKind
  readonly capNanoUsd: NanoUsd
  readonly mode: 'hard' | 'soft'
}

/** What a key may do. Null where it is not limited. */
export interface Grant {
  readonly routes: readonly string[] | null
  /** Model ids, or one model at one provider: `model@provider`. */
  readonly models: readonly string[] | null
  readonly operations: readonly string[] | null
  /** Macro-regions that its requests may be processed in. */
  readonly regions: readonly string[] | null
  readonly environments: readonly string[] | null
  /** On every request of the key, whatever the caller says. */
  readonly tags: Readonly<Record<string, string>>
  readonly team: string | null
  readonly expiresAtMs: number | null
  readonly budgets: readonly KeyBudget[]
}

export const everything: Grant = {
  routes: null,
  models: null,
  operations: null,
  regions: null,
  environments: null,
  tags: {},
  team: null,
  expiresAtMs: null,
  budgets: [],
}

/** What somebody asks for; what is left out is what the maker has. */
export type Asked = Partial<Grant>

export type ListDimension = 'routes' | 'models' | 'operations' | 'regions' | 'environments'

export const listDimensions: readonly ListDimension[] = [
  'routes',
  'models',
  'operations',
  'regions',
  'environments',
]

export type Narrowed =
  | { readonly kind: 'narrowed'; readonly grant: Grant }
  | { readonly kind: 'wider'; readonly field: keyof Grant; readonly message: string }

/** `gpt-x` covers itself and `gpt-x@openai`; nothing else covers more than itself. */
export function covers(dimension: ListDimension, allowed: string, name: string): boolean {
  return allowed === name || (dimension === 'models' && name.startsWith(`${allowed}@`))
}

export function allows(
  dimension: ListDimension,
  allowed: readonly string[] | null,
  name: string,
): boolean {
  return allowed === null || allowed.some((one) => covers(dimension, one, name))
}

/** The maker's grant, narrowed to what is asked for. Asking for more is refused, never cut down in silence. */
export function narrow(maker: Grant, asked: Asked): Narrowed {
  const lists: Partial<Record<ListDimension, readonly string[] | null>> = {}
  for (const dimension of listDimensions) {
    const list = asked[dimension] === undefined ? maker[dimension] : asked[dimension]
    const beyond = beyondList(dimension, maker[dimension], list)
    if (beyond !== null) return wider(dimension, beyond)
    lists[dimension] = list
  }
  const tags = { ...maker.tags, ...asked.tags }
  for (const [name, value] of Object.entries(maker.tags))
    if (tags[name] !== value) return wider('tags', `the maker fixes ${name}=${value}`)
  const team = asked.team === undefined ? maker.team : asked.team
  if (maker.team !== null && team !== maker.team)
    return wider('team', `the maker belongs to the team ${maker.team}`)
  const expiresAtMs = asked.expiresAtMs === undefined ? maker.expiresAtMs : asked.expiresAtMs
  if (maker.expiresAtMs !== null && (expiresAtMs === null || expiresAtMs > maker.expiresAtMs))
    return wider('expiresAtMs', 'the maker expires earlier')
  const budgets = narrowBudgets(maker.budgets, asked.budgets ?? [])
  if (typeof budgets === 'string') return wider('budgets', budgets)
  return { kind: 'narrowed', grant: { ...everything, ...lists, tags, team, expiresAtMs, budgets } }
}

function wider(field: keyof Grant, message: string): Narrowed {
  return { kind: 'wider', field, message }
}

function beyondList(
  dimension: ListDimension,
  allowed: readonly string[] | null,
  list: readonly string[] | null,
): string | null {
  if (allowed === null) return null
  if (list === null) return `the maker has not all ${dimension}`
  const beyond = list.find((name) => !allows(dimension, allowed, name))
  return beyond === undefined ? null : `the maker has not "${beyond}"`
}

/** Each budget of the maker binds; further periods only narrow. The text says what is wider. */
function narrowBudgets(
  maker: readonly KeyBudget[],
  asked: readonly KeyBudget[],
): readonly KeyBudget[] | string {
  const result = [...asked]
  for (const bound of maker) {
    const own = asked.find(({ period }) => period === bound.period)
    if (own === undefined) result.push(bound)
    else if (own.capNanoUsd > bound.capNanoUsd) return `the maker has less for each ${bound.period}`
    else if (bound.mode === 'hard' && own.mode !== 'hard')
      return `the maker's budget for each ${bound.period} is hard`
  }
  return result
}

/** What both allow: a key made when its tenant was allowed more has no more than the tenant now. */
export function meet(upper: Grant, lower: Grant): Grant {
  const lists: Partial<Record<ListDimension, readonly string[] | null>> = {}
  for (const dimension of listDimensions)
    lists[dimension] = meetLists(dimension, upper[dimension], lower[dimension])
  return {
    ...lower,
    ...lists,
    tags: { ...lower.tags, ...upper.tags },
    team: upper.team ?? lower.team,
    expiresAtMs: earlier(upper.expiresAtMs, lower.expiresAtMs),
  }
}

function meetLists(
  dimension: ListDimension,
  a: readonly string[] | null,
  b: readonly string[] | null,
): readonly string[] | null {
  if (a === null) return b
  if (b === null) return a
  const both = [
    ...b.filter((name) => allows(dimension, a, name)),
    ...a.filter((name) => allows(dimension, b, name)),
  ]
  return [...new Set(both)]
}

function earlier(a: number | null, b: number | null): number | null {
  if (a === null) return b
  return b === null ? a : Math.min(a, b)
}
