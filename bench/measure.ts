import { setTimeout as sleep } from 'node:timers/promises'
import { requestOf, type BenchCase, type Entrant } from './cases.ts'
import type { LoadResult, LoadTask } from './load.ts'
import type { LoadGenerator } from './processes.ts'
import { cpuMicroseconds, memoryMiB, resetPeak, untilIdle } from './process-meter.ts'
import type { CaseResult, Measures } from './results.ts'
import { tokenMark } from './scenarios.ts'
import { quantile } from './statistics.ts'
import type { Target } from './targets.ts'
import { unitsOf } from './upstream-wire.ts'

function taskOf(benchCase: BenchCase, entrant: Entrant, target: Target): LoadTask {
  const { path, body } = requestOf(benchCase, entrant)
  return {
    port: target.server.port,
    path,
    body,
    headers: target.headers(benchCase.wire),
    concurrency: benchCase.concurrency,
    requests: benchCase.requests,
  }
}

/** Runs a case a little, so that code is compiled and connections stand, and looks whether the answer is right. */
export async function warmUp(
  benchCase: BenchCase,
  entrant: Entrant,
  target: Target,
  load: LoadGenerator,
): Promise<string[]> {
  const task = taskOf(benchCase, entrant, target)
  const { freshProcess, scenario, requests: slice, slices } = benchCase
  const enough = freshProcess ? 2 : warmUpRequests[scenario.kind]
  const requests = Math.min(enough, 3 * slice * slices)
  const result = await load.run({ ...task, requests, concurrency: 4, keepText: true })
  return [...result.failures, ...wrongAnswer(benchCase, entrant, result)]
}

/**
 * Enough to let V8 compile what runs often: an isolate lives for many requests. A small answer costs 2.5 x a bare
 * passthrough behind 7,500 requests and 2.1 x behind 30,000 (2026-11-26); the compiler's threads are on the account, too.
 * Each round warms up anew: the other cases stand between them, and what they do not run is compiled again
 * (without, everyone who runs JavaScript was slower in the second round: Portkey by half, 2026-11-26).
 */
const warmUpRequests = { json: 30_000, first: 600, paced: 8, burst: 60, large: 1 } as const

function wrongAnswer(
  { scenario }: BenchCase,
  { dialect, target }: Entrant,
  result: LoadResult,
): string[] {
  const text = withoutChunkFrames(result.text ?? '')
  const tokens = text.split(tokenMark).length - 1
  const expected = scenario.kind === 'first' ? 3 : unitsOf(scenario)
  if (tokens < expected) return [`${tokens} of ${expected} tokens arrived`]
  if (scenario.kind === 'json' || target !== 'switchyard') return []
  const endMark = dialect === 'anthropic' ? 'message_stop' : '[DONE]'
  return text.includes(endMark) ? [] : [`the end mark ${endMark} is missing`]
}

/** The body of a chunked answer; any other text as it is. */
function withoutChunkFrames(text: string): string {
  let body = ''
  let at = 0
  for (;;) {
    const size = /^([0-9a-f]+)\r\n/i.exec(text.slice(at, at + 20))
    if (size === null) return at === 0 ? text : body
    const [head, digits = '0'] = size
    const start = at + head.length
    const length = Number.parseInt(digits, 16)
    if (length === 0) return body
    body += text.slice(start, start + length)
    at = start + length + 2
  }
}

/** One slice of one entrant: CPU before and after, with the process idle at both moments. */
export async function measure(
  benchCase: BenchCase,
  entrant: Entrant,
  target: Target,
  load: LoadGenerator,
  into: Measures,
): Promise<readonly string[]> {
  const { pid } = target.server
  await untilIdle(pid)
  const before = memoryMiB(pid)
  resetPeak(pid)
  const startUs = cpuMicroseconds(pid)
  const task = taskOf(benchCase, entrant, target)
  const result = await load.run(task)
  await untilIdle(pid)
  if (benchCase.scenario.kind === 'paced') await sleep(100)
  const cpuUs = cpuMicroseconds(pid) - startUs
  const { peak } = memoryMiB(pid)
  const perRequest = cpuUs / benchCase.requests
  const { kind } = benchCase.scenario
  const units = kind === 'large' ? benchCase.scenario.megabytes : unitsOf(benchCase.scenario)
  into.cpuPerRequestUs.push(perRequest)
  into.cpuPerUnitUs.push(perRequest / units)
  into.latencyP50Ms.push(quantile(result.latencyMs, 0.5))
  into.latencyP99Ms.push(quantile(result.latencyMs, 0.99))
  into.firstTokenP50Ms.push(quantile(result.firstTokenMs, 0.5))
  into.firstTokenP99Ms.push(quantile(result.firstTokenMs, 0.99))
  into.requestsPerSecond.push((result.latencyMs.length * 1000) / result.wallMs)
  into.peakMiB.push(peak)
  into.growthMiB.push(peak - before.resident)
  return result.failures
}

export function unitName({ scenario }: BenchCase): CaseResult['unit'] {
  switch (scenario.kind) {
    case 'paced':
    case 'burst':
      return 'chunk'
    case 'large':
      return 'megabyte'
    case 'json':
    case 'first':
      return 'request'
  }
}
