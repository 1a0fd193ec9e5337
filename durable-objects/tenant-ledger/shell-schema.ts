import type { Migration } from './schema.ts'

/** The one that the journal begins with. */
export const journalMigration = 12

/**
 * What the object keeps beside the tables of its core. Numbered from 10, so that the core's own migrations, which
 * come first, have room.
 */
export const shellMigrations: readonly Migration[] = [
  {
    number: 10,
    statements: [
      `CREATE INDEX lines_by_request ON lines (json_extract(attempt, '$.requestId')) WHERE kind = 'attempt'`,
    ],
  },
  {
    number: 11,
    statements: [
      `CREATE TABLE alerts (id TEXT PRIMARY KEY, serial INTEGER NOT NULL, message TEXT, tries INTEGER NOT NULL,
        not_before_ms INTEGER NOT NULL, pending TEXT, told_at_ms INTEGER) STRICT`,
    ],
  },
  {
    number: journalMigration,
    statements: [
      `CREATE TABLE outbox (number INTEGER PRIMARY KEY, count INTEGER NOT NULL, token TEXT, at_ms INTEGER NOT NULL,
        changes TEXT NOT NULL) STRICT`,
      `CREATE TABLE journal (id INTEGER PRIMARY KEY, number INTEGER NOT NULL, token TEXT NOT NULL,
        is_whole INTEGER NOT NULL, restarts INTEGER NOT NULL, restoring TEXT) STRICT`,
    ],
  },
]
