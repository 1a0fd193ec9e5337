import type { LedgerKeeper } from './keeper.ts'
import type { RewindCall, RewindRefusal, RewindReply } from './rpc.ts'
import { journalMigration } from './shell-schema.ts'
import { LedgerStorage } from './storage.ts'

/** How far back the platform goes (developers.cloudflare.com/durable-objects/api/sqlite-storage-api). */
const windowMs = 30 * 86_400_000

/** So that the reply leaves before the object does, ms. */
const farewellMs = 100

/**
 * Takes the database back to a moment, by the platform's point-in-time recovery, which only an object itself can ask
 * for. Everything is in the journal before, and the journal knows that it is: so the ledger that starts from the old
 * database reads on from there and misses nothing. Until then nobody is answered.
 */
export function rewind(
  keeper: LedgerKeeper,
  ctx: DurableObjectState,
  { atMs, actor }: RewindCall,
): Promise<RewindReply> {
  return ctx.blockConcurrencyWhile(async () => {
    const refused = await prepare(keeper, ctx.storage, atMs)
    if (refused !== null) return refused
    keeper.log({
      event: 'ledger_audit',
      action: 'rewind',
      actor,
      subject: new Date(atMs).toISOString(),
    })
    keeper.beRewound()
    keeper.run(async () => {
      await scheduler.wait(farewellMs)
      ctx.abort('the ledger is rewound')
    })
    return { refused: null }
  })
}

/** Null, or why not. What throws in here would cost the object its memory. */
async function prepare(
  keeper: LedgerKeeper,
  storage: DurableObjectStorage,
  atMs: number,
): Promise<RewindReply | null> {
  const { courier } = keeper
  if (courier === null) return no('no_journal', 'this ledger has no journal')
  if (keeper.isNew()) return no('out_of_window', 'nothing was ever written here')
  const nowMs = keeper.nowMs()
  const firstMs = Math.max(
    new LedgerStorage(storage).appliedAtMs(journalMigration),
    nowMs - windowMs,
  )
  if (atMs <= firstMs || atMs > nowMs) {
    const first = new Date(firstMs).toISOString()
    return no(
      'out_of_window',
      `between ${first} and now, and not at ${new Date(atMs).toISOString()}`,
    )
  }
  let code: keyof typeof faultTexts = 'no_recovery'
  try {
    // Asked first: where there is no recovery the journal is not told that anything comes to an end.
    const bookmark = await storage.getBookmarkForTime(atMs)
    code = 'journal_away'
    const refused = await courier.conclude()
    if (refused !== null) return no('other_history', refused)
    code = 'no_recovery'
    await storage.onNextSessionRestoreBookmark(bookmark)
    return null
  } catch (fault) {
    keeper.log({ event: 'ledger_fault', fault })
    return no(code, faultTexts[code])
  }
}

const faultTexts = {
  journal_away: 'the journal does not answer',
  no_recovery:
    'the platform does not go back: there is no point-in-time recovery here, or it failed',
} as const

function no(code: RewindRefusal, refused: string): RewindReply {
  return { refused, code }
}
