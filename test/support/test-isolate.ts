import { Access } from '../../worker/edge/access/access.ts'
import { createHmac } from '../../worker/edge/access/web-hmac.ts'
import { AnswerMemory } from '../../worker/edge/cache/answer-memory.ts'
import { HealthBook } from '../../worker/edge/health/health-book.ts'
import type { Isolate } from '../../worker/edge/isolate.ts'
import type { KeyRing } from '../../worker/edge/keys.ts'
import { RecentRequests } from '../../worker/edge/requests.ts'
import { declaredTenants, Residencies } from '../../worker/edge/residency.ts'
import { HeaderTemplates } from '../../worker/engine/header-templates.ts'
import type { Runtime } from '../../worker/edge/runtime.ts'

/** An isolate without a ledger. */
export function testIsolate(
  runtime: Runtime,
  keys: KeyRing,
  adminKeys: KeyRing,
  pepper: string,
): Isolate {
  const peppers = { current: '1', peppers: { 1: pepper } }
  const hmac = createHmac()
  return {
    runtime,
    access: new Access(keys, peppers, hmac, false),
    peppers,
    hmac,
    recent: new RecentRequests(),
    answers: new AnswerMemory(),
    adminKeys,
    memory: {
      retryBudgets: new Map(),
      hedgeGates: new Map(),
      headerTemplates: new HeaderTemplates(),
    },
    health: new HealthBook({ isolate: 'isolate-1', observeOnly: false, random: Math.random }),
    residencies: new Residencies(declaredTenants(runtime.config.tenants)),
    jurisdiction: null,
    ledger: null,
  }
}
