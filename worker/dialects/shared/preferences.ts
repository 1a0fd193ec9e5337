import * as z from 'zod/mini'
import type { ProviderPreferences } from '../../canonical/request.ts'
import { compact } from './compact.ts'
import type { BodyNotes } from './body-notes.ts'
import { list } from './list.ts'
import { isObject } from './path.ts'

/** A wish list; what is longer is none. */
const mostNames = 64
/** As of `model`, characters. */
const longestName = 512

/**
 * What OpenRouter's clients send beside any body: `models`, `provider`, `usage`
 * (openrouter.ai/docs, "Provider Routing" and "Usage Accounting", 2026-11-20).
 */
export function preferenceFields() {
  const names = () =>
    z.nullish(
      list(z.string().check(z.minLength(1), z.maxLength(longestName))).check(
        z.maxLength(mostNames),
      ),
    )
  const price = () =>
    z.nullish(z.union([z.number().check(z.minimum(0)), z.string().check(z.regex(/^\d+(\.\d+)?$/))]))
  return {
    models: names(),
    usage: z.nullish(z.looseObject({ include: z.nullish(z.boolean()) })),
    provider: z.nullish(
      z.looseObject({
        order: names(),
        only: names(),
        ignore: names(),
        allow_fallbacks: z.nullish(z.boolean()),
        require_parameters: z.nullish(z.boolean()),
        sort: z.nullish(z.union([sortWord(), z.looseObject({ by: sortWord() })])),
        max_price: z.nullish(z.looseObject({ prompt: price(), completion: price() })),
        data_collection: z.nullish(z.enum(['allow', 'deny'])),
        zdr: z.nullish(z.boolean()),
      }),
    ),
  }
}

/** A body that names its models in `models` alone is asked of the first of them, as OpenRouter does. */
export function withModel(body: unknown): unknown {
  if (!isObject(body) || (body['model'] ?? null) !== null || !Array.isArray(body['models']))
    return body
  const [model]: readonly unknown[] = body['models']
  return typeof model === 'string' ? { ...body, model } : body
}

function sortWord() {
  return z.enum(['price', 'throughput', 'latency'])
}

type ProviderField = NonNullable<
  z.output<z.ZodMiniObject<ReturnType<typeof preferenceFields>>>['provider']
>

const knownFields = new Set([
  'order',
  'only',
  'ignore',
  'allow_fallbacks',
  'require_parameters',
  'sort',
  'max_price',
  'data_collection',
  'zdr',
])
const knownSort = new Set(['by'])
const knownPrices = new Set(['prompt', 'completion'])

/** `provider` in our words. `max_price` is USD per million tokens. */
export function readPreferences(
  field: ProviderField | null | undefined,
  notes: BodyNotes,
): ProviderPreferences | undefined {
  if (field === null || field === undefined) return undefined
  notes.note(field, knownFields, 'provider')
  const { sort, max_price: maxPrice } = field
  if (typeof sort === 'object' && sort !== null) notes.note(sort, knownSort, 'provider', 'sort')
  if (maxPrice) notes.note(maxPrice, knownPrices, 'provider', 'max_price')
  return compact<ProviderPreferences>({
    order: wished(field.order),
    only: wished(field.only),
    ignore: wished(field.ignore),
    allowFallbacks: field.allow_fallbacks,
    requireParameters: field.require_parameters,
    sort: typeof sort === 'object' ? sort?.by : sort,
    maxPrice: maxPrice
      ? compact<{ prompt?: number; completion?: number }>({
          prompt: toNumber(maxPrice.prompt),
          completion: toNumber(maxPrice.completion),
        })
      : undefined,
    dataCollection: field.data_collection,
    zdr: field.zdr,
  })
}

/** A list of nobody is no wish: read as one it would refuse every target. */
function wished(names: readonly string[] | null | undefined): readonly string[] | undefined {
  return names === null || names === undefined || names.length === 0 ? undefined : names
}

function toNumber(price: string | number | null | undefined): number | undefined {
  return price === null || price === undefined ? undefined : Number(price)
}
