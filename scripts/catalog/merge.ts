import { withoutDate } from '../../worker/catalog/alias.ts'
import {
  abilities,
  catalogProviders,
  modalities,
  type CatalogEntry,
  type CatalogFile,
  type CatalogSection,
  type Modality,
  type Prices,
} from '../../worker/catalog/schema.ts'
import { isDeclaredFree, providerRules } from './rules.ts'
import { defined, keyOf, type ReadSource, type SourcedModel } from './sourced-model.ts'

/** What a person should look at before the file is committed. */
export interface MergeReport {
  /** Two sources name prices more than a factor of two apart. */
  readonly conflicts: string[]
  /** Zero in every source, and nobody declared it free: left out. */
  readonly zeroPriced: string[]
  readonly retired: string[]
}

export interface Merged {
  readonly file: Omit<CatalogFile, 'version'>
  readonly report: MergeReport
}

/**
 * Lays the sources over each other, best first.
 *
 * A model's prices come as a whole from the first source that has both input
 * and output; a later one may add a cache price only where it agrees on those
 * two. Every other fact comes from the first source that states it. The last
 * source adds models only to providers the others do not know at all: it is
 * the oldest, and what only it knows is likely gone.
 */
export function mergeSources(sources: readonly ReadSource[], today: string): Merged {
  const report: MergeReport = { conflicts: [], zeroPriced: [], retired: [] }
  const providers: Record<string, CatalogSection> = {}
  for (const provider of catalogProviders)
    providers[provider] = mergeProvider(provider, sources, today, report)
  const used = new Set(
    Object.values(providers).flatMap(({ models }) => Object.values(models).map(({ from }) => from)),
  )
  const stated = sources
    .filter(({ id }) => used.has(id))
    .map(({ id, package: name, version, asOf }) => [id, { package: name, version, asOf }] as const)
  return { file: { sources: Object.fromEntries(stated), providers }, report }
}

function mergeProvider(
  provider: (typeof catalogProviders)[number],
  sources: readonly ReadSource[],
  today: string,
  report: MergeReport,
): CatalogSection {
  const models = new Map<string, CatalogEntry>()
  const retired: string[] = []
  for (const model of modelsOf(provider, sources)) {
    if (providerRules[provider].leaveOut?.test(model) === true) continue
    const said = sources.flatMap((source) => {
      const found = source.models.get(keyOf(provider, model))
      return found === undefined ? [] : [{ source, found }]
    })
    const retires = retirementOf(said)
    if (retires !== undefined && retires <= today) {
      retired.push(model)
      report.retired.push(keyOf(provider, model))
      continue
    }
    const entry = entryOf(provider, model, said, report)
    if (entry !== null) models.set(model, entry)
  }
  return foldAliases(models, retired)
}

function modelsOf(provider: string, sources: readonly ReadSource[]): string[] {
  const names = new Set<string>()
  const last = sources.at(-1)
  for (const source of sources) {
    if (source === last && names.size > 0) break
    for (const { provider: owner, model } of source.models.values())
      if (owner === provider) names.add(model)
  }
  return [...names].sort()
}

interface Said {
  readonly source: ReadSource
  readonly found: SourcedModel
}

function entryOf(
  provider: string,
  model: string,
  said: readonly Said[],
  report: MergeReport,
): CatalogEntry | null {
  const best = said.find(({ found }) => found.prices !== undefined)
  const free = said.some(({ found }) => found.zeroPriced) && isDeclaredFree(provider, model)
  if (!free && best === undefined) {
    report.zeroPriced.push(keyOf(provider, model))
    return null
  }
  const from = free ? said.find(({ found }) => found.zeroPriced) : best
  if (from === undefined) return null
  const prices = free ? { input: 0, output: 0 } : withCachePrices(model, from, said)
  if (!free) noteConflicts(provider, model, from, said, report)
  return defined<CatalogEntry>({
    from: from.source.id,
    context: first(said, 'context'),
    maxOutput: outputLimit(said),
    prices,
    free: free ? true : undefined,
    in: unlessText(inputsOf(said)),
    out: unlessText(first(said, 'output')),
    can: wordsOf(said, true),
    cannot: wordsOf(said, false),
    retires: retirementOf(said),
    responsesOnly: said[0]?.found.responsesOnly === true ? true : undefined,
  })
}

/** The announced end of a model, unless a list made after that day still has it: such days are moved. */
function retirementOf(said: readonly Said[]): string | undefined {
  const retires = said.find(({ found }) => found.retires !== undefined)?.found.retires
  const outlived = said.some(
    ({ source, found }) =>
      retires !== undefined && found.retires === undefined && source.asOf > retires,
  )
  return outlived ? undefined : retires
}

function first<K extends 'context' | 'maxOutput' | 'input' | 'output'>(
  said: readonly Said[],
  field: K,
): SourcedModel[K] | undefined {
  return said.find(({ found }) => found[field] !== undefined)?.found[field]
}

/** A limit as large as the window is a placeholder where another source knows a smaller one. */
function outputLimit(said: readonly Said[]): number | undefined {
  const stated = first(said, 'maxOutput')
  const context = first(said, 'context')
  if (stated === undefined || context === undefined || stated < context) return stated
  const smaller = said.find(({ found }) => (found.maxOutput ?? context) < context)
  return smaller?.found.maxOutput ?? stated
}

/** What a model reads: the first list stated, and what its abilities add to it. */
function inputsOf(said: readonly Said[]): CatalogEntry['in'] {
  const stated = first(said, 'input') ?? ['text']
  const can = wordsOf(said, true)?.split(' ') ?? []
  const added: readonly (readonly [Modality, string])[] = [
    ['image', 'vision'],
    ['audio', 'audio'],
    ['pdf', 'pdf'],
  ]
  return modalities.filter(
    (modality) =>
      stated.includes(modality) ||
      added.some(([name, ability]) => name === modality && can.includes(ability)),
  )
}

function unlessText(list: CatalogEntry['in']): CatalogEntry['in'] {
  return list?.length === 1 && list[0] === 'text' ? undefined : list
}

function wordsOf(said: readonly Said[], wanted: boolean): string | undefined {
  const words = abilities.filter((ability) => {
    const stated = said.find(({ found }) => found.abilities[ability] !== undefined)
    return stated?.found.abilities[ability] === wanted
  })
  return words.length === 0 ? undefined : words.join(' ')
}

function withCachePrices(model: string, from: Said, said: readonly Said[]): Prices {
  const prices = from.found.prices ?? { input: 0, output: 0 }
  const agreeing = said.flatMap(({ found }) =>
    found.prices?.input === prices.input && found.prices.output === prices.output
      ? [found.prices]
      : [],
  )
  const cacheRead = agreeing.find((other) => other.cacheRead !== undefined)?.cacheRead
  const cacheWrite = agreeing.find((other) => other.cacheWrite !== undefined)?.cacheWrite
  const { longContext, ...base } = prices
  return defined<Prices>({
    ...base,
    cacheRead,
    cacheWrite,
    cacheWrite1h: base.cacheWrite1h ?? claudeHourWrite(model, base.input, cacheWrite),
    longContext,
  })
}

/**
 * Anthropic charges 1.25 times the input price for a five-minute cache write
 * and twice the input price for one of an hour
 * (platform.claude.com/docs/en/build-with-claude/prompt-caching, 2026-11-20).
 * Sources that state only the first get the second by that rule.
 */
function claudeHourWrite(
  model: string,
  input: number,
  write: number | undefined,
): number | undefined {
  return /claude/.test(model) && write === input * 1.25 ? input * 2 : undefined
}

function noteConflicts(
  provider: string,
  model: string,
  from: Said,
  said: readonly Said[],
  report: MergeReport,
): void {
  for (const { source, found } of said)
    for (const field of ['input', 'output'] as const) {
      const ours = from.found.prices?.[field]
      const theirs = found.prices?.[field]
      if (ours === undefined || theirs === undefined) continue
      if (ours > theirs * 2 || theirs > ours * 2)
        report.conflicts.push(
          `${keyOf(provider, model)} ${field}: ${from.source.id} ${ours / 1e6}, ${source.id} ${theirs / 1e6} (USD per million)`,
        )
    }
}

/** Folds snapshots and regional ids that say the same as their plain name into aliases of it. */
function foldAliases(models: Map<string, CatalogEntry>, gone: readonly string[]): CatalogSection {
  const aliases: Record<string, string> = {}
  for (const [model, entry] of models) {
    const plain = [withoutDate(model), model.replace(/-latest$/, ''), withoutGeography(model)].find(
      (name) => name !== null && name !== model && models.has(name),
    )
    if (plain === undefined || plain === null) continue
    const named = models.get(plain)
    if (named !== undefined && sayTheSame(named, entry)) aliases[model] = plain
  }
  for (const alias of Object.keys(aliases)) models.delete(alias)
  for (const [alias, target] of Object.entries(aliases)) aliases[alias] = aliases[target] ?? target
  const retired = gone.filter((model) => {
    const undated = withoutDate(model)
    return undated !== null && (models.has(undated) || Object.hasOwn(aliases, undated))
  })
  return {
    models: Object.fromEntries(models),
    ...(Object.keys(aliases).length === 0 ? {} : { aliases }),
    ...(retired.length === 0 ? {} : { retired }),
  }
}

/** Equal in money, limits and end; what one source did not say about the other is no difference. */
function sayTheSame(a: CatalogEntry, b: CatalogEntry): boolean {
  const facts = ({ prices, context, maxOutput, retires, free, responsesOnly }: CatalogEntry) =>
    JSON.stringify([prices, context, maxOutput, retires, free, responsesOnly])
  const words = (text: string | undefined): string[] => text?.split(' ') ?? []
  const contradicts = (one: CatalogEntry, other: CatalogEntry): boolean =>
    words(one.can).some((word) => words(other.cannot).includes(word))
  return facts(a) === facts(b) && !contradicts(a, b) && !contradicts(b, a)
}

function withoutGeography(model: string): string | null {
  return /^(?:us|eu|apac|au|jp|ca|in|global)\.(.+)$/.exec(model)?.[1] ?? null
}
