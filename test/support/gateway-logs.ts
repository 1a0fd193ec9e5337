/** One line that the gateway logged: a request record (`worker/edge/log.ts`) or a fault of ours. */
export type LogLine = Readonly<Record<string, unknown>>

const pollMs = 10
const waitMs = 5000

/** Collects what a gateway prints: records by request, and every byte for those who look for secrets. */
export class GatewayLogs {
  #text = ''
  #lines: LogLine[] = []

  /** Takes what was printed; true when it was lines of the gateway's own log. */
  take(printed: string): boolean {
    this.#text += `${printed}\n`
    const own = printed.split('\n').flatMap(parseLine)
    this.#lines.push(...own)
    return own.length > 0
  }

  /** Everything that was printed since the start. */
  get text(): string {
    return this.#text
  }

  /** Request records, oldest first. */
  get records(): readonly LogLine[] {
    return this.#lines.filter((line) => line['event'] === 'request')
  }

  /** Faults of the gateway itself: there should be none. */
  get faults(): readonly LogLine[] {
    return this.#lines.filter((line) => line['event'] === 'fault')
  }

  of(requestId: string): readonly LogLine[] {
    return this.records.filter((line) => line['switchyard.request.id'] === requestId)
  }

  /** The record of one request; lines arrive a little after the answer. */
  async waitFor(requestId: string): Promise<LogLine> {
    const [line] = await this.waitUntil(() => this.of(requestId))
    if (line === undefined) throw new Error(`request ${requestId} left no record in ${waitMs} ms`)
    return line
  }

  /** Asks until `found` answers a list that is not empty, or gives the empty one after five seconds. */
  async waitUntil<T>(found: () => readonly T[], limitMs = waitMs): Promise<readonly T[]> {
    const endMs = Date.now() + limitMs
    for (;;) {
      const result = found()
      if (result.length > 0 || Date.now() > endMs) return result
      await new Promise((resolve) => setTimeout(resolve, pollMs))
    }
  }

  clear(): void {
    this.#text = ''
    this.#lines = []
  }
}

function parseLine(line: string): LogLine[] {
  const start = line.indexOf('{"event":')
  if (start === -1) return []
  try {
    return [JSON.parse(line.slice(start)) as LogLine]
  } catch {
    return []
  }
}
