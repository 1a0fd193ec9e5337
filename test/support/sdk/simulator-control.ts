import type { SeenRequest } from '../start-simulator.ts'

/** The control calls of a running simulator (`docs`: the contract's page on it). */
export interface SimulatorControl {
  fault(rule: object): Promise<void>
  pace(firstByteMs: number, perChunkMs: number): Promise<void>
  reset(): Promise<void>
  requests(provider?: string): Promise<readonly SeenRequest[]>
  /** Waits for a request that `found` picks: what a provider sees of a hang-up comes a little late. */
  waitForRequest(found: (request: SeenRequest) => boolean): Promise<SeenRequest>
}

const waitMs = 5000
const pollMs = 20

export function controlSimulator(url: string): SimulatorControl {
  const post = async (path: string, body: object): Promise<void> => {
    const response = await fetch(`${url}/__control/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`simulator refused ${path}: ${await response.text()}`)
  }
  const requests = async (provider?: string): Promise<readonly SeenRequest[]> => {
    const query = provider === undefined ? '' : `?provider=${encodeURIComponent(provider)}`
    const response = await fetch(`${url}/__control/requests${query}`)
    return ((await response.json()) as { readonly requests: readonly SeenRequest[] }).requests
  }
  return {
    fault: (rule) => post('faults', rule),
    pace: (firstByteMs, perChunkMs) => post('pace', { firstByteMs, perChunkMs }),
    reset: () => post('reset', {}),
    requests,
    waitForRequest: async (found) => {
      const endMs = Date.now() + waitMs
      for (;;) {
        const seen = (await requests()).find(found)
        if (seen !== undefined) return seen
        if (Date.now() > endMs) throw new Error(`no such request within ${waitMs} ms`)
        await new Promise((done) => setTimeout(done, pollMs))
      }
    },
  }
}
