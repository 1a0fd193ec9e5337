import { blocksOf, framesOf } from './blocks.ts'
import type { RunHead } from './kept-run.ts'
import { Seal } from './sealed.ts'

interface Peppers {
  readonly current: string
  readonly peppers: Readonly<Record<string, string>>
}

const utf8 = new TextEncoder()
const text = new TextDecoder()

/**
 * The database of one request: a head and the blocks of its answer, all sealed. In the clear are only the version of the
 * pepper and when it is to be forgotten. Tables are made at the first write: an object that was only asked has none.
 */
export class RunStorage {
  readonly #storage: DurableObjectStorage
  readonly #name: string
  readonly #peppers: Peppers
  readonly #seals = new Map<string, Promise<Seal>>()

  constructor(storage: DurableObjectStorage, name: string, peppers: Peppers) {
    this.#storage = storage
    this.#name = name
    this.#peppers = peppers
  }

  isNew(): boolean {
    const found = this.#storage.sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'run'")
    return found.toArray().length === 0
  }

  /** Null where nothing is kept, or where what sealed it is not known any more. */
  async head(): Promise<RunHead | null> {
    if (this.isNew()) return null
    const [row] = this.#storage.sql
      .exec<{ pepper: string; head: ArrayBuffer }>('SELECT pepper, head FROM run')
      .toArray()
    if (row === undefined || !Object.hasOwn(this.#peppers.peppers, row.pepper)) return null
    const seal = await this.#seal(row.pepper)
    const plain = await seal.open('head', new Uint8Array(row.head))
    return JSON.parse(text.decode(plain)) as RunHead
  }

  /** The answer, frame by frame. */
  async frames(): Promise<readonly Uint8Array[]> {
    const rows = this.#storage.sql
      .exec<{ number: number; pepper: string; body: ArrayBuffer }>(
        'SELECT number, pepper, body FROM blocks ORDER BY number',
      )
      .toArray()
    const blocks = await Promise.all(
      rows.map(async ({ number, pepper, body }) =>
        (await this.#seal(pepper)).open(`block ${number}`, new Uint8Array(body)),
      ),
    )
    return framesOf(blocks)
  }

  /** All of it in one transaction. `frames` null: those that are there stay. */
  async write(head: RunHead, frames: readonly Uint8Array[] | null): Promise<void> {
    const { current } = this.#peppers
    const seal = await this.#seal(current)
    const sealedHead = await seal.seal('head', new Uint8Array(utf8.encode(JSON.stringify(head))))
    const blocks = await Promise.all(
      [...blocksOf(frames ?? [])].map((block, number) => seal.seal(`block ${number}`, block)),
    )
    const { sql } = this.#storage
    this.#storage.transactionSync(() => {
      sql.exec(
        'CREATE TABLE IF NOT EXISTS run (id INTEGER PRIMARY KEY CHECK (id = 1), pepper TEXT NOT NULL, head BLOB NOT NULL) STRICT',
      )
      sql.exec(
        'CREATE TABLE IF NOT EXISTS blocks (number INTEGER PRIMARY KEY, pepper TEXT NOT NULL, body BLOB NOT NULL) STRICT',
      )
      sql.exec(
        'INSERT OR REPLACE INTO run (id, pepper, head) VALUES (1, ?, ?)',
        current,
        sealedHead.buffer,
      )
      for (const [number, body] of blocks.entries())
        sql.exec(
          'INSERT OR REPLACE INTO blocks (number, pepper, body) VALUES (?, ?, ?)',
          number,
          current,
          body.buffer,
        )
    })
  }

  #seal(version: string): Promise<Seal> {
    let seal = this.#seals.get(version)
    if (seal === undefined)
      this.#seals.set(version, (seal = Seal.of(this.#peppers.peppers[version] ?? '', this.#name)))
    return seal
  }
}
