/** The second step of the database's form: keys, the tenant, idempotency. */
export const accessTables: readonly string[] = [
  `CREATE TABLE keys (id TEXT PRIMARY KEY, name TEXT NOT NULL, "grant" TEXT NOT NULL, made_by TEXT,
    created_at_ms INTEGER NOT NULL, revoked_at_ms INTEGER, secrets TEXT NOT NULL) STRICT`,
  `CREATE TABLE tenant (id TEXT PRIMARY KEY, tenant_id TEXT NOT NULL, residency TEXT, is_strict INTEGER NOT NULL,
    routes TEXT NOT NULL, tier TEXT, tags TEXT NOT NULL, stores_answers INTEGER NOT NULL,
    changed_at_ms INTEGER NOT NULL) STRICT`,
  `CREATE TABLE idempotency (id TEXT PRIMARY KEY, request_digest TEXT NOT NULL, run_id TEXT NOT NULL,
    state TEXT NOT NULL, unstored TEXT, answer TEXT NOT NULL, began_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL) STRICT`,
  `CREATE INDEX idempotency_by_expiry ON idempotency (expires_at_ms)`,
  `CREATE TABLE chunks (id TEXT PRIMARY KEY, entry_id TEXT NOT NULL, number INTEGER NOT NULL,
    body BLOB NOT NULL) STRICT`,
  `CREATE INDEX chunks_by_entry ON chunks (entry_id, number)`,
]
