import type { RouteLadder } from '../edge/ladder.ts'
import type { Runtime } from '../edge/runtime.ts'
import type { PlannedStep } from '../policy/plan.ts'
import type { Caller } from './caller.ts'
import type { Priority, Turn } from './health-port.ts'
import type { Ports } from './ports.ts'

/** Whose turn a request is, where the file shares capacity out; undefined where it does not. */
export function turnOf(
  { scarcity, priority }: Pick<RouteLadder, 'scarcity' | 'priority'>,
  { tenant, profile }: Caller,
  { policies }: Pick<Runtime, 'policies'>,
): Turn | undefined {
  if (scarcity === null) return undefined
  const { premiumReserve, batchShare } = scarcity
  const tier = policies.tenants.get(tenant)?.tier ?? profile?.tier ?? null
  return { priority: priorityOf(priority, tier), premiumReserve, batchShare }
}

/** What a route says goes before what its tenant is. */
function priorityOf(priority: RouteLadder['priority'], tenantTier: string | null): Priority {
  if (priority === 'critical') return 'premium'
  if (priority === 'batch' || tenantTier === 'batch') return 'batch'
  return tenantTier === 'premium' ? 'premium' : 'standard'
}

/** Waiting batch work looks so often for room, ms; with up to half of it on top, so that not all look at once. */
const lookEveryMs = 200

/**
 * Waits until a target of the plan has room for work of this turn; false when its time is up, or its client has left.
 * Nobody is asked meanwhile.
 */
export async function waitForRoom(
  steps: readonly PlannedStep[],
  turn: Turn,
  untilMs: number,
  ports: Ports,
): Promise<boolean> {
  while (!hasRoom(steps, turn, ports)) {
    if (untilMs <= ports.nowMs() || ports.clientGone.aborted) return false
    await lookAgain(untilMs, ports)
  }
  return true
}

/** The pause between two looks. */
export function lookAgain(untilMs: number, ports: Ports): Promise<void> {
  const leftMs = Math.max(1, untilMs - ports.nowMs())
  const delayMs = Math.min(leftMs, lookEveryMs * (1 + ports.random() / 2))
  return new Promise((resolve) => {
    ports.after(delayMs, resolve)
  })
}

function hasRoom(steps: readonly PlannedStep[], turn: Turn, { runtime, health }: Ports): boolean {
  return steps.some(({ target: name }) => {
    const target = runtime.targets.get(name)
    return target !== undefined && (health.roomInMs?.(target, turn) ?? 0) === 0
  })
}
