import { parentPort, workerData } from 'node:worker_threads'
import { checkCase } from './check-case.ts'
import { listCases } from './corpus.ts'
import { fullEffort, quickEffort } from './splits.ts'

/** What `scripts/conformance.ts` hands over; a message is a case id, or null at the end. */
interface ThreadOptions {
  readonly corpus: string
  readonly seed: number
  readonly quick: boolean
  readonly differential: boolean
  readonly strict: boolean
}

const options = workerData as ThreadOptions
const cases = new Map(listCases(options.corpus).map((one) => [one.id, one]))

parentPort?.on('message', async (id: string | null) => {
  const recorded = id === null ? undefined : cases.get(id)
  if (recorded === undefined) {
    parentPort?.close()
    return
  }
  const effort = options.quick ? quickEffort : fullEffort
  parentPort?.postMessage(await checkCase(recorded, { ...options, effort }), [])
})
