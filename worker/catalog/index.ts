import { createLookup, readPackedCatalog, type PackedCatalog } from './catalog.ts'
import packed from './models.packed.json' with { type: 'json' }
import type { ModelFacts } from './schema.ts'

export type { AbortBilling, ModelFacts, Prices } from './schema.ts'
export { CatalogError } from './catalog.ts'
export { costNanoUsd, formatUsd, reportedCostNanoUsd } from './price.ts'

/** `models.json`, packed. The tests load the catalog whole; here single entries are checked as they are read. */
const catalog: PackedCatalog = packed

/** Names the prices a plan was made with: the day and a digest of the content. */
export const catalogVersion: string = catalog.version

/**
 * What is known of a model at a provider, or null. The id is looked up exactly,
 * then by the rules of `alias.ts`. Throws a `CatalogError` for a broken entry.
 */
export const modelFacts: (provider: string, model: string) => ModelFacts | null = createLookup(
  readPackedCatalog(catalog),
)

/** The part of the facts an adapter writes requests by; the shape of `TargetFacts` in `providers/adapter.ts`. */
export interface AdapterFacts {
  readonly reasoning?: boolean
  readonly vision?: boolean
  readonly tools?: boolean
  readonly jsonSchema?: boolean
  readonly audioInput?: boolean
  readonly pdfInput?: boolean
  readonly prefill?: boolean
}

/** Keeps what is known and leaves out what is not. */
export function adapterFacts(facts: ModelFacts): AdapterFacts {
  return {
    ...(facts.reasoning === undefined ? {} : { reasoning: facts.reasoning }),
    ...(facts.vision === undefined ? {} : { vision: facts.vision }),
    ...(facts.tools === undefined ? {} : { tools: facts.tools }),
    ...(facts.jsonSchema === undefined ? {} : { jsonSchema: facts.jsonSchema }),
    ...(facts.audio === undefined ? {} : { audioInput: facts.audio }),
    ...(facts.pdf === undefined ? {} : { pdfInput: facts.pdf }),
    ...(facts.prefill === undefined ? {} : { prefill: facts.prefill }),
  }
}
