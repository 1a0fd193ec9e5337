import { Hono } from 'hono'
import {
  abandon,
  begin,
  finish,
} from '../../../durable-objects/tenant-ledger/access/idempotency.ts'
import {
  adminMaker,
  createKey,
  listed,
  listKeys,
  revokeKey,
  rotateKey,
} from '../../../durable-objects/tenant-ledger/access/keys.ts'
import { readKeyRequest } from '../../../durable-objects/tenant-ledger/access/key-request.ts'
import type {
  AccessChange,
  Done,
  IdempotencyRow,
  KeyRow,
  Refused,
  TenantRow,
} from '../../../durable-objects/tenant-ledger/access/rows.ts'
import { defaultAccessSettings } from '../../../durable-objects/tenant-ledger/access/settings.ts'
import { plainTenant, readTenant } from '../../../durable-objects/tenant-ledger/access/tenant.ts'
import { type KeyAsk, verifyKey } from '../../../durable-objects/tenant-ledger/access/verify.ts'
import { readCursor, writeCursor } from '../../../durable-objects/tenant-ledger/cursor.ts'
import { nanoUsd, zeroNanoUsd } from '../../../durable-objects/tenant-ledger/money.ts'
import type {
  BeginCall,
  BudgetStanding,
  ConfigureCall,
  CreateKeyCall,
  KeyReply,
  LedgerStanding,
  LinesReply,
  ReleaseCall,
  RewindCall,
  RewindReply,
  RevokeKeyCall,
  RotateKeyCall,
} from '../../../durable-objects/tenant-ledger/rpc.ts'
import type { BudgetRow, LineRow } from '../../../durable-objects/tenant-ledger/rows.ts'
import type { TenantLedgerStub } from '../../../durable-objects/tenant-ledger/stub.ts'
import { createHmac } from '../../../worker/edge/access/web-hmac.ts'
import { Residencies } from '../../../worker/edge/residency.ts'
import { openAiChat } from '../../../worker/dialects/openai-chat/index.ts'
import { allTenantRoutes } from '../../../worker/admin/mount.ts'
import { type LedgerAudit, mountTenantRoutes } from '../../../worker/admin/tenant-door.ts'

export const n = nanoUsd

const dayMs = 86_400_000

export const peppers = { current: '1', peppers: { 1: 'p'.repeat(32) } }

export function budgetRow(more: Partial<BudgetRow> = {}): BudgetRow {
  return {
    id: 'day/tenant',
    scope: 'tenant',
    period: 'day',
    zone: 'UTC',
    capNanoUsd: n(12_500_000_000),
    mode: 'hard',
    thresholds: [],
    failOpenNanoUsd: zeroNanoUsd,
    ...more,
  }
}

export function standingOfRow(row: BudgetRow, more: Partial<BudgetStanding> = {}): BudgetStanding {
  const { id, scope, period, zone, mode, capNanoUsd } = row
  return {
    budgetId: id,
    scope,
    period,
    zone,
    mode,
    capNanoUsd,
    startsAtMs: Date.UTC(2026, 10, 26),
    resetsAtMs: period === 'total' ? null : Date.UTC(2026, 10, 27),
    spentNanoUsd: zeroNanoUsd,
    heldNanoUsd: zeroNanoUsd,
    lostNanoUsd: zeroNanoUsd,
    overrunNanoUsd: zeroNanoUsd,
    remainingNanoUsd: capNanoUsd,
    isUncertain: false,
    thresholds: [],
    row,
    ...more,
  }
}

export function lineRow(number: number, more: Partial<LineRow> = {}): LineRow {
  return {
    id: `1.1/${number}`,
    leaseId: '1.1',
    kind: 'attempt',
    accounts: [],
    amountNanoUsd: n(34_000),
    basis: 'exact',
    attempt: {
      number,
      attemptId: `req_${number}.1`,
      requestId: `req_${number}`,
      route: 'chat',
      target: 'm@p',
      servedModel: 'm-2026',
      priceVersion: 'v1',
      usage: { inputTokens: 5, outputTokens: 3 },
      worstNanoUsd: n(50_000),
      amountNanoUsd: n(34_000),
      basis: 'exact',
      atMs: 0,
      keyId: 'Key00001',
      tags: { feature: 'search', team: 'a' },
    },
    atMs: Date.UTC(2025, 10, 26, 12) + number,
    ...more,
  }
}

/** A ledger as the object is one: the same cores, in memory. What it is not asked for here it does not have. */
export class FakeLedger {
  tenantRow: TenantRow | null = null
  pinnedTo: string | null = null
  /** Something of the tenant is there already. */
  unpinnable = false
  configured: ConfigureCall = { budgets: [], limits: [], actor: '' }
  readonly keyRows = new Map<string, KeyRow>()
  readonly runs = new Map<string, IdempotencyRow>()
  lineRows: readonly LineRow[] = []
  kills: LedgerStanding['kills'] = []
  journal: LedgerStanding['journal']
  /** What `rewind` answers. */
  rewound: RewindReply = { refused: null }
  rewindCalls: readonly RewindCall[] = []
  releaseCalls: readonly ReleaseCall[] = []
  /** Why it releases nothing. */
  releaseRefused: string | null = null
  uncertain = false
  epoch = 1
  /** Calls by name, in order. */
  readonly asked: string[] = []
  /** Names of calls that are not answered. */
  away: ReadonlySet<string> = new Set()
  nowMs = Date.UTC(2026, 10, 26, 12)

  get stub(): TenantLedgerStub {
    const own = this.#calls() as Readonly<Record<string, ((call: never) => unknown) | undefined>>
    return new Proxy({} as TenantLedgerStub, {
      get: (_target, name) => {
        // It may be awaited, as the real one.
        if (name === 'then') return undefined
        return async (call: never) => {
          this.asked.push(String(name))
          if (this.away.has(String(name))) throw new Error('the object is away')
          const work = own[String(name)]
          if (work === undefined) throw new TypeError(`no ${String(name)} here`)
          return work(call)
        }
      },
    })
  }

  #calls(): object {
    return {
      pinned: () => this.pinnedTo,
      pin: ({ residency }: { residency: string }) => {
        if (this.unpinnable) return { residency: null, refused: 'it has been used' }
        this.pinnedTo = residency
        return { residency, refused: null }
      },
      tenant: () => this.tenantRow,
      putTenant: ({ tenant }: { tenant: unknown }) => {
        const read = readTenant('acme', tenant, this.nowMs)
        if (read.kind === 'invalid') return { refused: null, problems: read.problems, tenant: null }
        this.tenantRow = read.tenant
        return { refused: null, problems: [], tenant: read.tenant }
      },
      budgets: () => this.#standing(),
      configure: (call: ConfigureCall) => {
        this.configured = call
        return { refused: null }
      },
      lines: (call: { fromMs: number; toMs: number; cursor: string | null; limit: number }) =>
        this.#page(call),
      freeze: () => ({ refused: null }),
      thaw: ({ scope }: { scope: string }) => ({
        refused: scope === 'key:Revoked1' ? 'a revoked key stays revoked' : null,
      }),
      reconcile: ({ leaseId }: { leaseId: string }) => this.#reconcile(leaseId),
      rewind: (call: RewindCall) => {
        this.rewindCalls = [...this.rewindCalls, call]
        return this.rewound
      },
      restore: ({ isComplete }: { isComplete: boolean }) => {
        this.epoch += 1
        this.uncertain = !isComplete
        if (this.journal !== undefined) this.journal = { ...this.journal, isForked: false }
        return { refused: null }
      },
      release: (call: ReleaseCall) => {
        this.releaseCalls = [...this.releaseCalls, call]
        if (this.releaseRefused !== null) return { refused: this.releaseRefused }
        this.uncertain = false
        return { refused: null }
      },
      keys: () => listKeys(this.keyRows, this.nowMs),
      createKey: ({ keyId, asked, proof, actor }: CreateKeyCall) => {
        const read = readKeyRequest(asked, this.nowMs)
        if (read.kind === 'invalid') return { refused: null, problems: read.problems, key: null }
        const maker = adminMaker(actor, this.#tenant)
        const key = { id: keyId, name: read.name, asked: read.asked, proof }
        return this.#keyReply(
          createKey(this.keyRows, key, maker, defaultAccessSettings, this.nowMs),
        )
      },
      rotateKey: ({ actor, overlapMs = dayMs, ...call }: RotateKeyCall) =>
        this.#keyReply(
          rotateKey(this.keyRows, { ...call, overlapMs }, actor, defaultAccessSettings, this.nowMs),
        ),
      revokeKey: ({ keyId, actor }: RevokeKeyCall) =>
        this.#keyReply(revokeKey(this.keyRows, keyId, actor, this.nowMs)),
      open: ({ key }: { key: KeyAsk }) =>
        verifyKey(this.keyRows, this.#tenant, [], key, defaultAccessSettings, this.nowMs),
      beginOnce: (call: BeginCall) => {
        const begun = begin(this.runs.get(call.id) ?? null, call, defaultAccessSettings, this.nowMs)
        if (begun.kind === 'fresh') this.#applyRuns(begun.changes)
        return begun
      },
      finishOnce: ({ id, runId }: { id: string; runId: string }) => {
        const answer = { status: 200, headers: [], body: new Uint8Array() }
        const storage = { storedBytes: 0, storesAnswers: true }
        const row = this.runs.get(id) ?? null
        this.#applyRuns(finish(row, runId, answer, storage, defaultAccessSettings))
      },
      abandonOnce: ({ id, runId }: { id: string; runId: string }) =>
        this.#applyRuns(abandon(this.runs.get(id) ?? null, runId)),
    }
  }

  get #tenant(): TenantRow {
    return this.tenantRow ?? plainTenant('acme')
  }

  readonly #reconciled = new Set<string>()

  #reconcile(leaseId: string) {
    if (leaseId === '1.404') return { refused: 'unknown lease' }
    if (leaseId === '1.500') return { refused: 'more than it is charged' }
    if (this.#reconciled.has(leaseId)) return { refused: 'the lease is closed, not lost' }
    this.#reconciled.add(leaseId)
    return { refused: null }
  }

  #standing(): LedgerStanding {
    return {
      epoch: this.epoch,
      killVersion: 0,
      frozenForMs: this.uncertain ? 960_000 : 0,
      ...(this.journal !== undefined && { journal: this.journal }),
      openLeases: 0,
      kills: this.kills,
      budgets: this.configured.budgets.map((row) =>
        standingOfRow(row, { isUncertain: this.uncertain }),
      ),
      limits: this.configured.limits.map(({ id, scope, kind, limit }) => ({
        limitId: id,
        scope,
        kind,
        limit,
        remaining: limit,
        resetMs: 0,
      })),
    }
  }

  #page(call: { fromMs: number; toMs: number; cursor: string | null; limit: number }): LinesReply {
    const start = call.cursor === null ? 0 : readCursor(call.cursor, 'cursor').atMs
    const all = this.lineRows.filter(({ atMs }) => atMs >= call.fromMs && atMs < call.toMs)
    const end = start + call.limit
    return {
      lines: all.slice(start, end),
      nextCursor: end < all.length ? writeCursor({ atMs: end, id: 'x' }) : null,
    }
  }

  #keyReply(done: Done<KeyRow> | Refused): KeyReply {
    if (done.kind === 'refused') {
      const { code, field, message } = done
      return { refused: { code, field, message }, problems: [], key: null }
    }
    for (const change of done.changes)
      if (change.table === 'keys' && change.row !== null) this.keyRows.set(change.id, change.row)
    return { refused: null, problems: [], key: listed(this.keyRows, done.value, this.nowMs) }
  }

  #applyRuns(changes: readonly AccessChange[]): void {
    for (const { table, id, row } of changes) {
      if (table !== 'idempotency') continue
      if (row === null) this.runs.delete(id)
      else this.runs.set(id, row)
    }
  }
}

/** The routes over a ledger, as `mount.ts` puts them into the app. */
export class TestAdmin {
  readonly ledger = new FakeLedger()
  /** The one outside of any jurisdiction, as far as it knows where a tenant is pinned to. */
  readonly outside = new FakeLedger()
  readonly residencies = new Residencies(
    new Map([
      ['demo', { residency: null, isStrict: false, storesAnswers: true }],
      ['pinned', { residency: 'eu', isStrict: false, storesAnswers: true }],
    ]),
  )
  readonly audits: LedgerAudit[] = []
  adminKey = 'sk-sy-admin-Admin001-secret'
  warning: string | null = null
  /** Of the configuration. */
  readonly configured = new Set(['demo'])
  readonly app = new Hono()

  constructor() {
    let requests = 0
    mountTenantRoutes(
      this.app,
      {
        ledgerOf: () => this.ledger.stub,
        outsideOf: () => this.outside.stub,
        residenciesOf: () => this.residencies,
        isConfigured: (_context, tenant) => this.configured.has(tenant),
        secretsOf: () => ({ peppers, hmac: createHmac() }),
        adminKeyOf: () => this.adminKey,
        warningOf: () => this.warning,
        callerOf: () => ({ requestId: `req_${(requests += 1)}`, adminKeyId: 'Admin001' }),
        answer: (context, body) => context.json(body),
        refuse: (_context, error) =>
          new Response(JSON.stringify(openAiChat.renderError(error, 'req')), {
            status: error.status,
          }),
        log: (entry) => this.audits.push(entry),
      },
      allTenantRoutes,
    )
  }

  async call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: never; text: string; headers: Headers }> {
    const response = await this.app.request(`/admin/v1/tenants/${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = text.startsWith('{')
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: (isJson ? JSON.parse(text) : null) as never,
    }
  }
}
