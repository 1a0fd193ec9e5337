import type { DataScan } from './data-scan.ts'

/** Levels of a value that are read. As deep as a request may be unless its operator allows more (`limits.maxBodyDepth`). */
export const deepestLevel = 64
/** Values of one request that are read, members and entries of every level: as many as it may hold by default. */
export const mostValues = 120_000

/** Digits of the shortest number that a detector knows. */
const shortestNumber = 1e13

/**
 * Reads every text inside the values of one request that only one wire format
 * understands: schemas, blocks and fields of its own, names of members
 * included. What lies deeper than `deepestLevel` or behind `mostValues` is not
 * read, and the scan is told so.
 */
export class ValueReader {
  readonly #scan: DataScan
  #left: number

  constructor(scan: DataScan, most = mostValues) {
    this.#scan = scan
    this.#left = most
  }

  read(value: unknown, level = 1): void {
    if (typeof value === 'string') return this.#scan.readText(value)
    // A number is written like this on the wire: a card's may be one.
    if (typeof value === 'number') {
      if (value >= shortestNumber) this.#scan.read(String(value))
      return
    }
    if (typeof value !== 'object' || value === null) return
    if (level > deepestLevel) return this.#scan.leftUnread()
    if (Array.isArray(value)) {
      for (const entry of value) {
        if (!this.#counts()) return
        this.read(entry, level + 1)
      }
      return
    }
    this.#members(value, level)
  }

  #members(value: object, level: number): void {
    const isMedia = 'type' in value && value.type === 'base64'
    for (const [name, member] of Object.entries(value)) {
      if (!this.#counts()) return
      this.#scan.readText(name)
      if (!isMedia || name !== 'data') this.read(member, level + 1)
    }
  }

  #counts(): boolean {
    if (this.#left === 0) {
      this.#scan.leftUnread()
      return false
    }
    this.#left -= 1
    return true
  }
}
