import type { CanonicalEvent } from '../../canonical/events.ts'
import { isObject } from '../shared/path.ts'

type CallStart = Extract<CanonicalEvent, { type: 'toolCallStart' }>

export interface QueuedCall {
  readonly start: CallStart
  arguments: string
}

/**
 * Tool calls of one answer. Blocks of this wire format follow one another, so
 * of calls whose arguments come interleaved one is written at a time and the
 * later ones wait here. A call whose arguments are a whole object has ended:
 * nothing but white space could follow.
 */
export class ToolCallQueue {
  #open: QueuedCall | undefined
  readonly #waiting: QueuedCall[] = []

  get open(): QueuedCall | undefined {
    return this.#open
  }

  /** Takes a call; true when it is to be written at once. */
  start(event: CallStart): boolean {
    const call = { start: event, arguments: '' }
    const isFree = this.#waiting.length === 0 && (this.#open === undefined || isWhole(this.#open))
    if (isFree) this.#open = call
    else this.#waiting.push(call)
    return isFree
  }

  /** Takes arguments; true when they belong to the call that is being written. */
  addArguments(index: number, text: string): boolean {
    const isOpen = this.#open?.start.index === index
    const call = isOpen ? this.#open : this.#waiting.find((one) => one.start.index === index)
    if (call !== undefined) call.arguments += text
    return isOpen
  }

  /** True when no call can have more arguments. */
  isSettled(): boolean {
    return (this.#open === undefined || isWhole(this.#open)) && this.#waiting.every(isWhole)
  }

  /** The next call that waits, now the one being written. */
  next(): QueuedCall | undefined {
    this.#open = this.#waiting.shift()
    return this.#open
  }
}

function isWhole({ start, arguments: text }: QueuedCall): boolean {
  // The end of free text cannot be seen.
  if (start.custom === true || !text.trimEnd().endsWith('}')) return false
  try {
    return isObject(JSON.parse(text))
  } catch {
    return false
  }
}
