import { Random } from '../simulation/kernel/random.ts'
import type { Fleet, FleetMember } from '../support/start-fleet.ts'
import { send, type Outcome } from './client.ts'
import { drawRequest, stormFaults } from './requests.ts'
import { Watch, type Sample } from './watch.ts'

export interface StormOptions {
  readonly seed: string
  readonly clients: number
  readonly capNanoUsd: number
  /** Nobody asks any more from then on, ms. */
  readonly limitMs: number
  /** One isolate is killed when so much of the cap is charged, and it spends from a lease. */
  readonly killAtShare: number
  /** Nobody asks any more when so much of it is gone for good, and so many times the cap was asked for. */
  readonly enoughShare: number
  readonly demandShare: number
}

export interface StormResult {
  readonly outcomes: readonly Outcome[]
  readonly watch: Watch
  /** The last look before the isolate died, and when it was dead. */
  readonly killed: Sample
  readonly killedAtMs: number
  readonly dead: FleetMember
  readonly drained: Sample
}

/** Longest that leases and holds may take to come home, ms. */
const drainMs = 30_000
/** How long a client that was refused waits, ms. */
const refusedMs = [100, 400] as const

/** Lets clients at the fleet until the cap is used up, kills an isolate in between, and waits until all is settled. */
export async function storm(fleet: Fleet, options: StormOptions): Promise<StormResult> {
  await post(fleet, '/__control/pace', { firstByteMs: 25, perChunkMs: 2 })
  for (const fault of stormFaults) await post(fleet, '/__control/faults', fault)
  const watch = new Watch(fleet, options.capNanoUsd)
  const outcomes: Outcome[] = []
  const endMs = Date.now() + options.limitMs
  const isOver = () =>
    watch.violation !== null || Date.now() > endMs || isEnough(watch, outcomes, options)
  const random = new Random(options.seed)
  const clients = Array.from({ length: options.clients }, (_, index) =>
    runClient(fleet, index, random.fork(`client ${index}`), isOver, outcomes),
  )
  const killing = kill(fleet, watch, options, isOver, outcomes)
  await Promise.all(clients)
  const { dead, killed, killedAtMs } = await killing
  await post(fleet, '/__control/faults', null)
  await watch.stop()
  const drained = await drain(watch)
  return { outcomes, watch, killed, killedAtMs, dead, drained }
}

/** What will not come back: what was spent, and what nobody knows of any more. */
function isEnough(
  { last }: Watch,
  outcomes: readonly Outcome[],
  { capNanoUsd, enoughShare, demandShare }: StormOptions,
): boolean {
  if (last === undefined || demandOf(outcomes) < demandShare * capNanoUsd) return false
  return last.spentNanoUsd + last.lostNanoUsd >= enoughShare * capNanoUsd
}

/** What all that was asked for would have cost. */
export function demandOf(outcomes: readonly Outcome[]): number {
  return outcomes.reduce((sum, { request }) => sum + request.valueNanoUsd, 0)
}

async function runClient(
  fleet: Fleet,
  index: number,
  random: Random,
  isOver: () => boolean,
  outcomes: Outcome[],
): Promise<void> {
  let small = false
  // All at once is no traffic that ever was.
  await pause(random.below(500))
  for (let sent = 0; !isOver(); sent += 1) {
    const isolate = random.pick(alive(fleet))
    const outcome = await send(
      drawRequest(random, `storm-${index}-${sent}`, small),
      isolate,
      fleet.key,
    )
    outcomes.push(outcome)
    // Whoever cannot have much asks for little: what is left at the end must be of use to somebody.
    const wasRefused = outcome.errorCode === 'budget_exceeded'
    small = wasRefused && random.chance(0.6)
    await pause(wasRefused ? random.between(...refusedMs) : random.below(60))
  }
}

function alive({ isolates }: Fleet): [FleetMember, ...FleetMember[]] {
  const [first, ...rest] = isolates.filter(({ isDead }) => !isDead)
  if (first === undefined) throw new Error('no isolate is left')
  return [first, ...rest]
}

/** As when its machine fails: in the middle of streams, with credit in hand. */
async function kill(
  fleet: Fleet,
  watch: Watch,
  { capNanoUsd, killAtShare }: StormOptions,
  isOver: () => boolean,
  outcomes: readonly Outcome[],
): Promise<Pick<StormResult, 'dead' | 'killed' | 'killedAtMs'>> {
  for (;;) {
    const { last } = watch
    const isDue = last !== undefined && last.chargedNanoUsd >= killAtShare * capNanoUsd
    const dead = fleet.isolates.find((isolate) => isOver() || hasLease(isolate, outcomes))
    if (dead !== undefined && last !== undefined && (isDue || isOver())) {
      await dead.kill()
      return { dead, killed: last, killedAtMs: Date.now() }
    }
    await pause(20)
  }
}

/** Its latest answers did not wait for the ledger. */
function hasLease(isolate: FleetMember, outcomes: readonly Outcome[]): boolean {
  const latest = outcomes.filter((one) => one.isolate === isolate && one.status === 200).slice(-5)
  return latest.length === 5 && latest.every(({ admitMs }) => admitMs === 0)
}

/** Nobody holds anything any more, or nobody will say so in time. */
async function drain(watch: Watch): Promise<Sample> {
  const endMs = Date.now() + drainMs
  for (;;) {
    const sample = await watch.sample()
    if (sample.openLeases === 0 || Date.now() > endMs || watch.violation !== null) return sample
    await pause(250)
  }
}

async function post({ simulator }: Fleet, path: string, body: object | null): Promise<void> {
  const how = body === null ? { method: 'DELETE' } : { method: 'POST', body: JSON.stringify(body) }
  const response = await fetch(`${simulator}${path}`, how)
  const text = await response.text()
  if (!response.ok) throw new Error(`the simulator refuses ${path}: ${text}`)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
