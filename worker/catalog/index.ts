import { createLookup, freePrices, readPackedCatalog } from './catalog.ts'
import packed from './models.packed.json' with { type: 'json' }
import { abortBillingOf } from './abort-billing.ts'
import type { PackedCatalog } from './packed.ts'
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

/** What is known of a model that an operator has declared to cost nothing: its own price, and the catalog's facts where there are any. */
export function declaredFree(
  known: ModelFacts | null,
  provider: string,
  model: string,
): ModelFacts {
  const facts = known ?? {
    provider,
    model,
    aliases: [],
    input: ['text'],
    output: ['text'],
    responsesOnly: false,
    abortBilling: abortBillingOf(provider),
    source: { package: 'routes.json', version: 'declared', asOf: '' },
  }
  return { ...facts, prices: freePrices, free: true }
}

/** The part of the facts an adapter writes requests by; the shape of `TargetFacts` in `providers/adapter.ts`. */
export interface AdapterFacts {
  readonly reasoning?: boolean
  readonly vision?: boolean
  readonly tools?: boolean
  readonly jsonSchema?: boolean
  readonly audioInput?: boolean
  readonly videoInput?: boolean
  readonly pdfInput?: boolean
  readonly audioOutput?: boolean
  readonly imageOutput?: boolean
  readonly prefill?: boolean
}

/** Keeps what is known and leaves out what is not. */
export function adapterFacts(facts: ModelFacts): AdapterFacts {
  const known = { ...listedModalities(facts), ...familyModalities(facts.model) }
  return {
    ...known,
    ...(facts.reasoning === undefined ? {} : { reasoning: facts.reasoning }),
    ...(facts.vision === undefined ? {} : { vision: facts.vision }),
    ...(facts.tools === undefined ? {} : { tools: facts.tools }),
    ...(facts.jsonSchema === undefined ? {} : { jsonSchema: facts.jsonSchema }),
    ...(facts.audio === undefined ? {} : { audioInput: facts.audio }),
    ...(facts.pdf === undefined ? {} : { pdfInput: facts.pdf }),
    ...(facts.prefill === undefined ? {} : { prefill: facts.prefill }),
  }
}

/**
 * What a model's own list of modalities says. "Text" alone is also what an
 * entry says when its source does not know, so such a list says nothing; and
 * pi-ai lists text and images whatever else a model takes (Gemini's audio).
 * Video is left out: litellm's lists lack it for models that take it (Nova Lite).
 */
function listedModalities({ input, output, source }: ModelFacts): AdapterFacts {
  if (input.length < 2) return {}
  const vision = input.includes('image')
  if (source.package === piAi) return { vision }
  return {
    vision,
    audioInput: input.includes('audio'),
    audioOutput: output.includes('audio'),
    imageOutput: output.includes('image'),
  }
}

const piAi = 'npm:@earendil-works/pi-ai'

/**
 * Families whose modalities are the same wherever they are served, also where
 * the catalog's source for a host says nothing: gpt-oss reads and writes text
 * (its model card; the entries of Groq, Cerebras and OpenRouter), a Claude
 * reads text, images and PDF and writes text (platform.claude.com, models
 * overview; its wire has no block for sound or video, `ContentBlockParam` of
 * `@anthropic-ai/sdk` 1.11.0).
 */
function familyModalities(model: string): AdapterFacts {
  if (/(?:^|[/.-])gpt-oss-/.test(model)) return { ...silent, vision: false, pdfInput: false }
  return /(?:^|[/.~])claude-/.test(model) ? silent : {}
}

const silent = {
  audioInput: false,
  videoInput: false,
  audioOutput: false,
  imageOutput: false,
} as const
