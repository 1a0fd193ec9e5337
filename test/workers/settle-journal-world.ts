import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import type { ObjectNamespace } from '../../durable-objects/provider-health/place.ts'
import { settleJournalStub } from '../../durable-objects/settle-journal/place.ts'
import type {
  ReadCall,
  ReadReply,
  SettleJournalRpc,
  SettleJournalStub,
} from '../../durable-objects/settle-journal/protocol.ts'
import type { TestLedger } from './tenant-ledger-object.ts'
import { ledgerWorld } from './tenant-ledger-world.ts'

/** How calls to journals fare. */
export class JournalPost {
  /** Nothing arrives. */
  isAway = false
  /** It arrives, and the answer does not. */
  losesAnswers = false
  /** It arrives twice. */
  doubles = false
  /** Whatever would be written down is lost on its way. */
  refusesAppends = false
  /** After so many pages nothing arrives any more; null: all do. */
  #pages: { left: number; readonly size: number } | null = null

  install(): this {
    ledgerWorld.journalCalls = (stub) => this.#through(stub)
    return this
  }

  #through(stub: SettleJournalStub): SettleJournalStub {
    return {
      head: () => this.#carry(() => stub.head()),
      append: (call) => this.#carry(() => stub.append(call), this.refusesAppends),
      conclude: (head) => this.#carry(() => stub.conclude(head)),
      claim: (behind) => this.#carry(() => stub.claim(behind)),
      read: (call) => this.#read(stub, call),
    }
  }

  #read(stub: SettleJournalStub, call: ReadCall): Promise<ReadReply> {
    const pages = this.#pages
    if (pages === null) return this.#carry(() => stub.read(call))
    pages.left -= 1
    return this.#carry(async () => {
      // A call that leaves waits until the disk has what was written before.
      const page = await stub.read({ ...call, limit: pages.size })
      if (pages.left < 0) throw new Error('the journal is away')
      return page
    })
  }

  /** Undone by what it returns. */
  failAfterPages(left: number, size: number): () => void {
    this.#pages = { left, size }
    return () => {
      this.#pages = null
    }
  }

  async #carry<Reply>(call: () => Promise<Reply>, isLost = false): Promise<Reply> {
    if (this.isAway || isLost) throw new Error('the journal is away')
    const reply = await call()
    const again = this.doubles ? await call() : reply
    if (this.losesAnswers) throw new Error('the answer was lost')
    return again
  }
}

/** The journal of a ledger, past everything that could go wrong. */
export function journalOf(ledger: TestLedger): SettleJournalStub {
  const namespace = env.SETTLE_JOURNAL as unknown as ObjectNamespace<SettleJournalRpc>
  const { tenantId, jurisdiction } = ledger.place
  return settleJournalStub(namespace, { ledgerName: tenantId, jurisdiction }, { local: true })
}

function objectOf(ledger: TestLedger): DurableObjectStub {
  const namespace = env.SETTLE_JOURNAL as unknown as DurableObjectNamespace
  return namespace.get(namespace.idFromName(ledger.place.tenantId))
}

/** Lets time pass, and rings the alarm of the journal. */
export async function ringJournal(ledger: TestLedger, ms: number): Promise<void> {
  ledgerWorld.pass(ms)
  if (!(await runDurableObjectAlarm(objectOf(ledger)))) throw new Error('no alarm is set')
}

/** The journal has lost everything. */
export function emptyJournal(ledger: TestLedger): Promise<void> {
  return runInDurableObject(objectOf(ledger), (_object, { storage }) => {
    storage.sql.exec('DELETE FROM changes')
    storage.kv.delete('journal')
  })
}

/** The platform's recovery, which workerd does not have: it notes what it is asked for. */
export async function pointInTime(ledger: TestLedger): Promise<{ readonly restored: string[] }> {
  const restored: string[] = []
  await ledger.inside((_object, { storage }) => {
    storage.getBookmarkForTime = async (at) => `bookmark of ${Number(at)}`
    storage.onNextSessionRestoreBookmark = async (bookmark) => {
      restored.push(bookmark)
      return bookmark
    }
  })
  return { restored }
}

/** As workerd answers where it has no recovery. */
export async function noPointInTime(ledger: TestLedger): Promise<void> {
  await ledger.inside((_object, { storage }) => {
    storage.getBookmarkForTime = async () => {
      throw new Error('this storage has no point-in-time recovery')
    }
  })
}

export type Database = Readonly<
  Record<string, readonly Readonly<Record<string, SqlStorageValue>>[]>
>

/** All that is stored, as a point-in-time recovery would find it. */
export async function databaseOf(ledger: TestLedger): Promise<Database> {
  await ledger.stub.budgets()
  return ledger.inside((_object, { storage: { sql } }) => {
    const tables = sql
      .exec<{ name: string }>(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'",
      )
      .toArray()
    return Object.fromEntries(
      tables.map(({ name }) => [
        name,
        sql.exec(`SELECT rowid AS "_rowid", * FROM "${name}" ORDER BY rowid`).toArray(),
      ]),
    )
  })
}

/** What a restore does: the database is that of then, nothing says so, and the object starts anew. */
export async function rollBack(ledger: TestLedger, database: Database): Promise<void> {
  await ledger.inside((_object, { storage: { sql } }) => {
    for (const [table, records] of Object.entries(database)) {
      sql.exec(`DELETE FROM "${table}"`)
      for (const { _rowid, ...record } of records) {
        const columns = Object.keys(record)
        sql.exec(
          `INSERT INTO "${table}" (rowid, ${columns.map((name) => `"${name}"`).join(', ')})
            VALUES (?, ${columns.map(() => '?').join(', ')})`,
          _rowid ?? null,
          ...Object.values(record),
        )
      }
    }
  })
  await ledger.abort()
}
