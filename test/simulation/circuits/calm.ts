import type { HealthState } from '../../../durable-objects/provider-health/health.ts'
import { invariant } from '../kernel/broken.ts'
import { directRoute } from './chaos-setup.ts'
import type { World } from './world.ts'

/**
 * How long after the last fault nothing may be left of it in an object (S10): circuits closed, ramps over,
 * permits back, gates open. A circuit waits for 120 s at most, a permit of a dead isolate lives for up to 125 s
 * and three of them send it back into its wait once; targets that nobody asks are probed by the object alone,
 * ten times with 60 s between, and two of one provider whose edge is half-open, too, take turns; a ramp takes 30 s.
 */
export const calmBoundMs = 1_800_000

/** A spent quota or a refused credential is looked at again after an hour at most. */
export const lockBoundMs = 3_600_000

/** One good probe frees a lock; the first two permits may be in isolates that have died or are hardly ever asked. */
const unlockBoundMs = 300_000

/** Lets time pass until the world is calm; answers how long it took. Breaks an invariant when the bound is over. */
export async function untilCalm(world: World): Promise<number> {
  const fromMs = world.timeline.nowMs
  await world.timeline.run(fromMs + residueMs)
  const circuits = await wait(world, fromMs + calmBoundMs, troubleOf)
  invariant(
    circuits.left.length === 0,
    `calm within ${calmBoundMs / 60_000} min of the last fault`,
    () => circuits.left,
  )
  const shut = await wait(world, fromMs + lockBoundMs, shutLocksOf)
  invariant(
    shut.left.length === 0,
    `locks open within ${lockBoundMs / 60_000} min`,
    () => shut.left,
  )
  askAll(world)
  const locks = await wait(world, world.timeline.nowMs + unlockBoundMs, locksOf)
  invariant(
    locks.left.length === 0,
    `locks free within ${unlockBoundMs / 60_000} min of traffic`,
    () => locks.left,
  )
  await fairViews(world)
  return circuits.atMs - fromMs
}

async function wait(
  world: World,
  untilMs: number,
  trouble: (state: HealthState) => readonly string[],
): Promise<{ readonly atMs: number; readonly left: readonly string[] }> {
  for (;;) {
    const left: string[] = []
    for (const object of world.objects.values()) {
      if (object.state === null) object.take({ kind: 'tick' })
      if (object.state !== null) left.push(...trouble(object.state))
    }
    if (left.length === 0 || world.timeline.nowMs >= untilMs)
      return { atMs: world.timeline.nowMs, left }
    await world.timeline.run(world.timeline.nowMs + lookEveryMs)
  }
}

/** What of an object is not as if nothing had ever happened, locks aside. */
function troubleOf(state: HealthState): string[] {
  const { nowMs, settings } = state
  const trouble: string[] = []
  for (const { key, circuit, slow, forced } of [state.edge, ...state.targets.values()]) {
    const { phase } = circuit
    if (forced !== null) trouble.push(`${key} is forced ${forced.state}`)
    if (phase.kind !== 'closed') trouble.push(`${key} is ${phase.kind}`)
    else if (phase.afterOutage && nowMs < phase.sinceMs + settings.rampMs)
      trouble.push(`${key} ramps`)
    if (slow) trouble.push(`${key} is degraded`)
  }
  for (const { name, gate } of state.targets.values())
    if (gate.notBeforeMs > nowMs || gate.rate !== null) trouble.push(`the gate of ${name} is shut`)
  for (const [permitId, { key }] of state.permits.held)
    if (key.startsWith('target:') || key === 'edge') trouble.push(`permit ${permitId} is out`)
  return trouble
}

/** Nobody may ask: it is not even tried. A half-open one waits for a request. */
function shutLocksOf({ quota, credentials, nowMs }: HealthState): string[] {
  return [quota, ...credentials.values()]
    .filter(({ lockout }) => lockout.kind === 'locked' && lockout.untilMs > nowMs)
    .map(({ key }) => `${key} is shut`)
}

/** From now on every target has some traffic of its own: a standby is asked when those before it are gone. */
function askAll(world: World): void {
  const random = world.random.fork('ask all')
  for (const target of world.runtime.targets.keys()) {
    const ask = () => {
      const isolate = world.isolates[random.below(world.isolates.length)]
      if (isolate !== undefined)
        world.request(isolate, { ...plainRequest, route: directRoute(target) })
      world.timeline.after(random.exponential(1000), ask)
    }
    ask()
  }
}

const plainRequest = { stream: true, promptTokens: 100, leavesAfterMs: Infinity } as const

function locksOf({ quota, credentials }: HealthState): string[] {
  return [quota, ...credentials.values()]
    .filter(({ lockout }) => lockout.kind === 'locked')
    .map(({ key }) => `${key} is locked`)
}

/** An isolate that has heard of its object since then passes no target over, unless it has just failed it by itself. */
async function fairViews(world: World): Promise<void> {
  const calmAtMs = world.timeline.nowMs
  world.hooks.onPlan = (isolate, ordered) => {
    for (const { target, provider, health } of ordered) {
      const silenceMs = isolate.silenceMs(provider)
      if (health === undefined || health.state === 'closed') continue
      if (health.why?.startsWith('it has just failed') === true) continue
      // What arrives just behind the end may have been said before it.
      const isHeard = world.timeline.nowMs - silenceMs > calmAtMs + latestReplyMs
      invariant(!isHeard || silenceMs >= freshMs, 'isolates hear that all is well', () => [
        isolate.id,
        target,
        health,
        silenceMs,
      ])
    }
  }
  await world.timeline.run(calmAtMs + viewMs)
  delete world.hooks.onPlan
}

const lookEveryMs = 1000

/** Calls that were sent before the end of the faults still fail behind it: silent ones after a minute, and their reports are late. */
const residueMs = 80_000

const viewMs = 90_000
/** A call is given up after 9 s (network.ts). */
const latestReplyMs = 9000

/** The word of the object decides for 15 s; clocks count whole milliseconds. */
const freshMs = 14_990
