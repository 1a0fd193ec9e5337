import { afterAll, afterEach, beforeAll, describe, it } from 'vitest'
import { report } from '../report.ts'
import { startGateway, type RunningGateway } from '../start-gateway.ts'
import { controlSimulator, type SimulatorControl } from './simulator-control.ts'
import { targets, type Operation, type SdkTarget } from './targets.ts'

/** What a test of a client needs: the gateway, a key, and a hand on the providers behind it. */
export interface World {
  readonly gateway: RunningGateway
  readonly simulator: SimulatorControl
}

/** How one client does one operation: through `model`, of `target`. Throws when the outcome is wrong. */
export type Cell = (model: string, target: SdkTarget) => Promise<void>

/** Checks that a request for what the target cannot do is refused, by this feature's name. */
export type Refusal = (run: () => Promise<void>, feature: string) => Promise<void>

/** The feature that `target` lacks for `operation` as this client asks for it; undefined where it can. */
export type Cannot = (target: SdkTarget, operation: Operation) => string | undefined

const thoughtful: ReadonlySet<Operation> = new Set(['reasoning', 'streamed reasoning'])

/** Starts one gateway for the file. The answer's fields are there once the tests run. */
export function world(): World {
  let gateway: RunningGateway | undefined
  let simulator: SimulatorControl | undefined
  const running = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error('the gateway runs only inside tests')
    return value
  }
  beforeAll(async () => {
    gateway = await startGateway()
    simulator = controlSimulator(gateway.simulator)
  }, 60_000)
  afterEach(() => simulator?.reset())
  afterAll(() => gateway?.close(), 30_000)
  return {
    get gateway() {
      return running(gateway)
    },
    get simulator() {
      return running(simulator)
    },
  }
}

/**
 * One test a cell: every operation of `client` through every provider, and the
 * count printed. Where the provider cannot, the cell is the refusal.
 */
export function describeCells(
  client: string,
  operations: Readonly<Partial<Record<Operation, Cell>>>,
  refused: Refusal,
  cannot: Cannot = (target, operation) => target.cannot[operation],
): void {
  let passed = 0
  let refusals = 0
  const names = Object.keys(operations) as Operation[]
  describe.each(targets)(`${client} through $provider`, (target) => {
    for (const operation of names) {
      const cell = operations[operation]
      const model = thoughtful.has(operation) ? target.thinker : target.model
      if (cell === undefined || model === null) continue
      const missing = cannot(target, operation)
      it(missing === undefined ? operation : `${operation} is refused: no ${missing}`, async () => {
        if (missing === undefined) await cell(model, target)
        else {
          await refused(() => cell(model, target), missing)
          refusals += 1
        }
        passed += 1
      })
    }
  })
  afterAll(() => {
    report(
      `${client}: ${passed} cells pass (${names.length} operations x ${targets.length} providers, ${refusals} of them refusals by name)`,
    )
  })
}
