/**
 * What the mock upstream is asked to do, written into the model name, so that
 * every gateway carries it there without knowing: `oa-c500-p2` is 500 chunks
 * paced at 2 ms. The prefix is the provider whose route takes it (`oa` OpenAI,
 * `an` Anthropic).
 */
export type Scenario =
  /** A small whole answer. */
  | { readonly kind: 'json' }
  /** One chunk every `paceMs`. */
  | { readonly kind: 'paced'; readonly chunks: number; readonly paceMs: number }
  /**
   * Everything at once. In pieces of 16 KiB, as TLS records and HTTP/2 frames
   * hand a fast provider's events over; or each event as an HTTP chunk of its
   * own, which the runtime answers with one read each.
   */
  | { readonly kind: 'burst'; readonly chunks: number; readonly single: boolean }
  /** The first token in the first write, the rest 5 ms later. */
  | { readonly kind: 'first' }
  /** One event of `megabytes`, in pieces of 1,400 bytes. */
  | { readonly kind: 'large'; readonly megabytes: number }

export type UpstreamWire = 'openai' | 'anthropic'

const prefixes: Readonly<Record<UpstreamWire, string>> = { openai: 'oa', anthropic: 'an' }

export function modelName(wire: UpstreamWire, scenario: Scenario): string {
  return `${prefixes[wire]}-${scenarioName(scenario)}`
}

function scenarioName(scenario: Scenario): string {
  switch (scenario.kind) {
    case 'json':
    case 'first':
      return scenario.kind
    case 'paced':
      return `c${scenario.chunks}-p${scenario.paceMs}`
    case 'burst':
      return `${scenario.single ? 's' : 'b'}${scenario.chunks}`
    case 'large':
      return `m${scenario.megabytes}`
  }
}

/** The scenario in a model name; null for any other name. */
export function readScenario(model: string): Scenario | null {
  const name = /^(?:oa|an)-(.+)$/.exec(model)?.[1]
  if (name === 'json' || name === 'first') return { kind: name }
  const paced = /^c(\d+)-p(\d+)$/.exec(name ?? '')
  if (paced !== null) return { kind: 'paced', chunks: Number(paced[1]), paceMs: Number(paced[2]) }
  const burst = /^([bs])(\d+)$/.exec(name ?? '')
  if (burst !== null) return { kind: 'burst', chunks: Number(burst[2]), single: burst[1] === 's' }
  const large = /^m(\d+)$/.exec(name ?? '')
  return large === null ? null : { kind: 'large', megabytes: Number(large[1]) }
}

/** Stands in every token, so that the load generator sees the first one without parsing. */
export const tokenMark = 'lorem'
