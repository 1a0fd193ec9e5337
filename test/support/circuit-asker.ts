import { expect } from 'vitest'
import type { CircuitRow } from '../../worker/admin/circuit-rows.ts'
import { ask, type Question, type Seen } from './ask-gateway.ts'
import type { RawGateway } from './start-raw-gateway.ts'

/** One request, and what the gateway said of how it was answered. */
export interface Tried {
  readonly seen: Seen
  readonly provider: string | null
  readonly reason: string
  readonly attempts: number
}

const [pauseMs, longMs] = [20, 20_000]

export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Asks a gateway as a client does, and its circuits as an operator does. */
export class CircuitAsker {
  readonly #gateway: RawGateway

  constructor(gateway: RawGateway) {
    this.#gateway = gateway
  }

  async once(model: string, more: Partial<Question> = {}, service = 0): Promise<Tried> {
    const { url, urls, key } = this.#gateway
    const door = { url: urls[service] ?? url, key }
    const seen = await ask(door, { dialect: 'openai', model, ...more })
    return {
      seen,
      provider: seen.headers.get('x-switchyard-provider'),
      reason: seen.headers.get('x-switchyard-reason') ?? '',
      attempts: Number(seen.headers.get('x-switchyard-attempts')),
    }
  }

  /** Asks until `enough`, and answers every try; the bound is a failure, not an ending. */
  async until(
    enough: (tried: Tried) => boolean,
    model: string,
    more: Partial<Question> = {},
    { limitMs = longMs, service = 0 } = {},
  ): Promise<Tried[]> {
    const all: Tried[] = []
    const endMs = Date.now() + limitMs
    while (Date.now() < endMs) {
      const tried = await this.once(model, more, service)
      all.push(tried)
      if (enough(tried)) return all
      await pause(pauseMs)
    }
    throw new Error(`not within ${limitMs} ms; the last: ${JSON.stringify(all.at(-1)?.reason)}`)
  }

  async admin(path: string, init: RequestInit = {}): Promise<{ data: CircuitRow[] }> {
    const { url, adminKey } = this.#gateway
    const response = await fetch(`${url}/admin/v1/${path}`, {
      ...init,
      headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
    })
    expect(response.status).toBe(200)
    return (await response.json()) as { data: CircuitRow[] }
  }

  /** `GET /admin/v1/circuits`: every row of a provider. */
  async circuits(provider: string): Promise<CircuitRow[]> {
    return (await this.admin(`circuits?provider=${provider}`)).data
  }

  /** One row of a provider, by how its domain begins. */
  async circuit(provider: string, domain: string): Promise<CircuitRow | undefined> {
    return (await this.circuits(provider)).find((row) => row.domain.startsWith(domain))
  }

  /** Looks until a row is as `is` wants it. */
  async untilCircuit(
    provider: string,
    domain: string,
    is: (row: CircuitRow) => boolean,
    limitMs = longMs,
  ): Promise<CircuitRow> {
    let row: CircuitRow | undefined
    for (const endMs = Date.now() + limitMs; Date.now() < endMs; await pause(pauseMs * 5)) {
      row = await this.circuit(provider, domain)
      if (row !== undefined && is(row)) return row
    }
    throw new Error(`not within ${limitMs} ms; the last: ${JSON.stringify(row)}`)
  }

  /** Forgets what is known of a target, or of a provider as a whole (`edge`). */
  async letGo(provider: string, what: string): Promise<void> {
    const body = JSON.stringify({ state: 'auto' })
    await this.admin(`circuits/${provider}/${what}`, { method: 'PUT', body })
  }
}

/** Answered by the second provider at once, because the circuit of the first is open. */
export function passedOver({ attempts, provider, reason }: Tried): boolean {
  return (
    attempts === 1 && provider === 'backup' && reason.includes('passed over: its circuit is open')
  )
}

/** Answered by the first provider of the route as if nothing had ever happened. */
export function isBack({ provider, reason }: Tried): boolean {
  return provider !== 'backup' && reason === 'tier 1, first in order'
}

/** Nobody noticed anything: each try is a whole answer. */
export function expectAnswers(tries: readonly Tried[]): void {
  for (const { seen } of tries)
    expect(seen).toMatchObject({ status: 200, ended: true, error: null })
}
