import type { CatalogEntry } from './schema.ts'

/** How an id was understood: which entry holds its facts, and whether that entry's price is also its price. */
export interface Resolution {
  readonly model: string
  readonly price: 'same' | 'free' | 'unknown'
  /** The variant may have smaller limits than the entry. */
  readonly limits: 'same' | 'unknown'
}

/** What is listed of one provider. */
export interface SectionReader {
  /** The model that goes by an id: itself, or the one that a listed alias means. */
  model(id: string): string | null
  /** A dated id that is gone. */
  isRetired(id: string): boolean
  entry(model: string): CatalogEntry | undefined
  aliasesOf(model: string): readonly string[]
}

/**
 * Finds the entry that an id means. First the exact id, then the vendor's
 * listed aliases, then these rules and no others:
 *
 * - Bedrock: the last part of an inference-profile or foundation-model ARN is
 *   the id. A geographic prefix (`us.`, `eu.`, ...) without an entry of its own
 *   has the model's abilities but no price: AWS adds 10 % for some models and
 *   nothing for others.
 * - OpenAI, Azure, Anthropic: a dated snapshot (`-2026-03-05`, `-20260305`)
 *   that is not listed costs what its undated name costs, unless it is known to
 *   be retired. Snapshots with a price of their own are listed.
 * - OpenRouter: `:free` is a variant without token cost and with limits of its
 *   own (openrouter.ai/docs/guides/routing/model-variants/free, read
 *   2026-11-20). Routing variants (`:nitro`, `:floor`, `:online`, `:exacto`)
 *   have the model's abilities; the price is that of whoever answers.
 * - Hugging Face: a provider or policy after the colon (`:groq`, `:cheapest`)
 *   chooses who answers, and so the price.
 * - Gemini: the resource name `models/x` is `x`.
 *
 * A name that merely looks alike resolves to nothing.
 */
export function resolveModel(
  provider: string,
  section: SectionReader,
  id: string,
): Resolution | null {
  const listed = section.model(id)
  if (listed !== null) return same(listed)
  switch (provider) {
    case 'bedrock':
      return resolveBedrock(section, id)
    case 'openai':
    case 'azure-openai':
    case 'anthropic':
      return resolveDated(section, id)
    case 'openrouter':
      return resolveOpenRouter(section, id)
    case 'huggingface':
      return withoutSuffix(section, id, /:[a-z0-9-]+$/)
    case 'gemini':
      return id.startsWith('models/') ? exactly(section, id.slice('models/'.length)) : null
    default:
      return null
  }
}

function resolveBedrock(section: SectionReader, id: string): Resolution | null {
  const arn = /^arn:aws[a-z-]*:bedrock:[^/]*:(?:inference-profile|foundation-model)\/(.+)$/.exec(id)
  if (arn?.[1] !== undefined) return exactly(section, arn[1]) ?? resolveBedrock(section, arn[1])
  const geographic = /^(?:us-gov|us|eu|apac|ap|au|jp|ca|in|global)\.(.+)$/.exec(id)
  const base = geographic?.[1] === undefined ? null : section.model(geographic[1])
  return base === null ? null : { model: base, price: 'unknown', limits: 'same' }
}

function resolveDated(section: SectionReader, id: string): Resolution | null {
  const undated = withoutDate(id)
  if (undated === null || section.isRetired(id)) return null
  return exactly(section, undated)
}

/** `id` without the date of a snapshot at its end, or null when there is none. */
export function withoutDate(id: string): string | null {
  const match = /^(.+?)[-@](?:20\d{2}-\d{2}-\d{2}|20\d{6})$/.exec(id)
  return match?.[1] ?? null
}

function resolveOpenRouter(section: SectionReader, id: string): Resolution | null {
  if (id.endsWith(':free')) {
    const base = section.model(id.slice(0, -':free'.length))
    return base === null ? null : { model: base, price: 'free', limits: 'unknown' }
  }
  return withoutSuffix(section, id, /:(?:nitro|floor|online|exacto)$/)
}

function withoutSuffix(section: SectionReader, id: string, suffix: RegExp): Resolution | null {
  if (!suffix.test(id)) return null
  const base = section.model(id.replace(suffix, ''))
  return base === null ? null : { model: base, price: 'unknown', limits: 'same' }
}

function exactly(section: SectionReader, id: string): Resolution | null {
  const listed = section.model(id)
  return listed === null ? null : same(listed)
}

function same(model: string): Resolution {
  return { model, price: 'same', limits: 'same' }
}
