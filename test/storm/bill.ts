import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../scripts/local-gateway.ts'
import type { SeenRequest } from '../support/start-simulator.ts'

/** Of the catalog's file, pico-USD for each token: read here and not by the code under test. */
interface TokenPrices {
  readonly input: number
  readonly output: number
  readonly cacheRead?: number
  readonly cacheWrite?: number
  readonly cacheWrite1h?: number
}

interface CatalogFile {
  readonly providers: Readonly<
    Record<string, { readonly models: Readonly<Record<string, { readonly prices: TokenPrices }>> }>
  >
}

const catalog = JSON.parse(
  readFileSync(join(root, 'worker/catalog/models.json'), 'utf8'),
) as CatalogFile

export function pricesOf(provider: string, model: string): TokenPrices {
  const prices = catalog.providers[provider]?.models[model]?.prices
  if (prices === undefined) throw new Error(`the catalog has no price of ${model}@${provider}`)
  return prices
}

const picoPerNano = 1000n

/** What one call costs, pico-USD: exact, and rounded nowhere. */
function picoOf({ provider, model, billed }: SeenRequest): bigint {
  const { input, output, cacheRead, cacheWrite } = billed
  if (input + output === 0) return 0n
  const prices = pricesOf(provider, model ?? '')
  const parts: readonly (readonly [tokens: number, price: number])[] = [
    [input - cacheRead - cacheWrite, prices.input],
    [cacheRead, prices.cacheRead ?? prices.input],
    [cacheWrite, prices.cacheWrite ?? prices.input],
    [output, prices.output],
  ]
  return parts.reduce((sum, [tokens, price]) => sum + BigInt(tokens) * BigInt(price), 0n)
}

/** Calls that are older than this have nothing more to bill, ms: longer than any request of the storm may take. */
const settledMs = 15_000

const markForm = /storm-\d+-\d+/

/** What the simulated providers billed, by their own record; it forgets all but the last 2,000 calls, this does not. */
export class Bill {
  readonly #simulator: string
  readonly #calls = new Map<string, SeenRequest>()

  constructor(simulator: string) {
    this.#simulator = simulator
  }

  async read(): Promise<void> {
    const sinceMs = Date.now() - settledMs
    const response = await fetch(`${this.#simulator}/__control/requests?since=${sinceMs}`)
    const { requests } = (await response.json()) as { readonly requests: readonly SeenRequest[] }
    for (const call of requests) this.#calls.set(call.id, call)
  }

  get calls(): readonly SeenRequest[] {
    return [...this.#calls.values()]
  }

  get pico(): bigint {
    return this.calls.reduce((sum, call) => sum + picoOf(call), 0n)
  }

  /** By the mark in the prompt: the calls of one request, and what they cost. */
  byMark(): ReadonlyMap<string, { readonly pico: bigint; readonly calls: readonly SeenRequest[] }> {
    const found = new Map<string, { pico: bigint; calls: SeenRequest[] }>()
    for (const call of this.calls) {
      const mark = markForm.exec(JSON.stringify(call.body))?.[0]
      if (mark === undefined) continue
      const of = found.get(mark) ?? { pico: 0n, calls: [] }
      of.pico += picoOf(call)
      of.calls.push(call)
      found.set(mark, of)
    }
    return found
  }
}

/** Rounded up: whoever owes a part of a nano-dollar owes all of it. */
export function nanoOf(pico: bigint): number {
  return Number((pico + picoPerNano - 1n) / picoPerNano)
}
