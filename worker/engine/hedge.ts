import type { CanonicalRequest } from '../canonical/request.ts'
import { costNanoUsd } from '../catalog/index.ts'
import type { HedgeConfig } from '../edge/parallel-schema.ts'
import type { Runtime, Target } from '../edge/runtime.ts'
import type { PlannedStep } from '../policy/plan.ts'
import type { Caller } from './caller.ts'
import { HedgeGate } from './hedge-gate.ts'
import type { PlannedRequest } from './plan-request.ts'
import type { IsolateMemory, Ports } from './ports.ts'
import { budgetOf } from './retry-rules.ts'

/** A second call that may be made beside the first, when that one is late. */
export interface Hedge {
  readonly next: PlannedStep
  /** The first may be silent for so long, ms. */
  readonly afterMs: number
  /** The first is late: takes what a hedge costs of its buckets, or says that there is none now. */
  take(): boolean
}

/** What a route says of hedging, and how large the prompt is. */
export interface HedgeOptions {
  readonly config: HedgeConfig
  /** Route, target or model: whatever the caller named. Hedges are counted by it. */
  readonly name: string
  readonly promptTokens: number
}

/** Undefined where nobody waits for the answer: batch work of a tenant, or of a route. */
export function hedgeOptions(
  config: HedgeConfig,
  { plan, route, request }: PlannedRequest,
  { tenant, profile }: Caller,
  { policies, routes }: Runtime,
): HedgeOptions | undefined {
  const tier = policies.tenants.get(tenant)?.tier ?? profile?.tier ?? null
  const own = route === null ? undefined : routes.get(route)
  if (tier === 'batch' || own?.priority === 'batch') return undefined
  const { promptTokens } = plan.facts
  return { config, name: route ?? request.model, promptTokens }
}

/**
 * The hedge of `first`; null where `reliability.md` 2 allows none. That the worst case of the second call has to be
 * held too, and whole, is looked after when it is sent.
 */
export function hedgeOf(
  first: PlannedStep,
  rest: readonly PlannedStep[],
  request: CanonicalRequest,
  options: HedgeOptions,
  ports: Ports,
): Hedge | null {
  const foreseen = foreseenHedge(first, rest, request, options, ports)
  if (foreseen === null) return null
  const gate = gateOf(ports.memory, options.name)
  gate.eligible(ports.nowMs())
  return {
    ...foreseen,
    take: () => {
      const retries = budgetOf(ports.memory, foreseen.next.provider)
      return retries.mayTake && gate.take(ports.nowMs()) && retries.take()
    },
  }
}

/** The same before anything is sent or counted. */
export function foreseenHedge(
  first: PlannedStep,
  rest: readonly PlannedStep[],
  request: CanonicalRequest,
  options: HedgeOptions,
  ports: Ports,
): Pick<Hedge, 'next' | 'afterMs'> | null {
  const { config, promptTokens } = options
  // A whole answer has no first token to be late with. A tool that the provider runs would run twice.
  if (!request.stream || hasServerTools(request)) return null
  const next = rest.find((step) => isRival(step, first, request, options, ports))
  const target = ports.runtime.targets.get(first.target)
  if (next === undefined || target === undefined) return null
  const usualMs = ports.health.firstTokenP95Ms(target, promptTokens) ?? config.unmeasuredDelayMs
  return {
    next,
    afterMs: Math.max(usualMs, config.leastDelayMs),
  }
}

/** Another provider that may be asked at once, for a prompt that is cheap there. */
function isRival(
  step: PlannedStep,
  first: PlannedStep,
  request: CanonicalRequest,
  { config, promptTokens }: HedgeOptions,
  ports: Ports,
): boolean {
  if (step.provider === first.provider || step.barred || step.probe) return false
  if (step.notBeforeMs > ports.nowMs()) return false
  if (!config.acrossTiers && step.tier !== first.tier) return false
  const target = ports.runtime.targets.get(step.target)
  return target !== undefined && isCheap(target, promptTokens, request.maxOutputTokens, config)
}

/** How long answers usually are, where the caller allows as much, tokens. */
const expectedOutputTokens = 500

/** What a prompt costs that is read and thrown away, against its caps. Without a price nobody knows. */
function isCheap(
  { facts }: Target,
  inputTokens: number,
  maxOutputTokens: number = expectedOutputTokens,
  { mostPrefillUsd, mostPrefillShare }: HedgeConfig,
): boolean {
  const prices = facts?.prices ?? null
  if (prices === null) return false
  const outputTokens = Math.min(maxOutputTokens, expectedOutputTokens)
  const prefill = costNanoUsd({ inputTokens, outputTokens: 0 }, prices)
  const whole = costNanoUsd({ inputTokens, outputTokens }, prices)
  if (prefill === null || whole === null) return false
  return prefill <= Math.max(mostPrefillUsd * 1e9, whole * mostPrefillShare)
}

/** Tools that are no plain functions may be run by the provider, and what they do is done twice. */
export function hasServerTools({ tools, extensions }: CanonicalRequest): boolean {
  if (tools?.some(({ kind }) => kind === 'native') === true) return true
  if (extensions === undefined) return false
  return Object.values(extensions).some((fields) =>
    serverToolFields.some((field) => Object.hasOwn(fields, field)),
  )
}

/** Fields by which wire formats ask for tools that the provider runs: OpenAI's search, Anthropic's MCP and containers, OpenRouter's plugins. */
const serverToolFields = ['web_search_options', 'mcp_servers', 'container', 'plugins'] as const

function gateOf({ hedgeGates }: IsolateMemory, name: string): HedgeGate {
  let gate = hedgeGates.get(name)
  if (gate === undefined) hedgeGates.set(name, (gate = new HedgeGate()))
  return gate
}
