interface Entry {
  readonly atMs: number
  readonly order: number
  run: (() => void) | null
}

/**
 * Virtual time: events in the order of their moments, and of their scheduling where those are equal. Nothing
 * waits for a real clock.
 */
export class Timeline {
  nowMs: number
  /** Events that have happened. */
  steps = 0
  readonly #heap: Entry[] = []
  #order = 0
  #mustSettle = false

  constructor(nowMs: number) {
    this.nowMs = nowMs
  }

  /** Answers a function that takes the event back. */
  at(atMs: number, run: () => void): () => void {
    const entry: Entry = { atMs: Math.max(atMs, this.nowMs), order: this.#order, run }
    this.#order += 1
    this.#push(entry)
    return () => {
      entry.run = null
    }
  }

  after(delayMs: number, run: () => void): () => void {
    return this.at(this.nowMs + delayMs, run)
  }

  /** Whoever settles a promise says so: what waits for it runs before the next event. */
  settle(): void {
    this.#mustSettle = true
  }

  /** Runs everything up to `untilMs`, or until `done`. */
  async run(untilMs: number, done: () => boolean = () => false): Promise<void> {
    for (;;) {
      const entry = this.#heap[0]
      if (entry === undefined || entry.atMs > untilMs) break
      this.#pop()
      if (entry.run === null) continue
      this.nowMs = entry.atMs
      this.steps += 1
      entry.run()
      if (this.#mustSettle) {
        this.#mustSettle = false
        for (let turn = 0; turn < microtaskTurns; turn += 1) await undefined
      }
      if (done()) return
    }
    if (untilMs !== Infinity) this.nowMs = untilMs
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(entry)
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent]
      if (above === undefined || isBefore(above, entry)) break
      heap[at] = above
      at = parent
    }
    heap[at] = entry
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      const right = left + 1
      let child = left
      const [l, r] = [heap[left], heap[right]]
      if (l === undefined) break
      if (r !== undefined && isBefore(r, l)) child = right
      const below = heap[child]
      if (below === undefined || isBefore(last, below)) break
      heap[at] = below
      at = child
    }
    heap[at] = last
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}

/** An errand needs three from the reply it waited for to its next report; the rest is slack. */
const microtaskTurns = 8
