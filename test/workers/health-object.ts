import {
  abortAllDurableObjects,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
} from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { objectName, type HealthPlace } from '../../durable-objects/provider-health/object-name.ts'
import { namespaceAt, type ObjectNamespace } from '../../durable-objects/provider-health/place.ts'
import type {
  DomainKey,
  DomainSnapshot,
  HealthReply,
  HealthReport,
  OutcomeRow,
} from '../../durable-objects/provider-health/protocol.ts'
import {
  providerHealthStub,
  type ProviderHealthStub,
} from '../../durable-objects/provider-health/stub.ts'
import type { ProviderHealth } from './worker.ts'
import { world } from './world.ts'

export const local = { local: true }

export const namespace = env.PROVIDER_HEALTH as unknown as ObjectNamespace<DurableObjectStub>

let objects = 0

/** An object that no other test has used, and what tests do with it. */
export class TestObject {
  readonly place: HealthPlace
  readonly target: string
  readonly stub: ProviderHealthStub
  #sequence = 0

  constructor(place: Partial<HealthPlace> = {}) {
    objects += 1
    this.place = { provider: `p${objects}`, region: 'weur', jurisdiction: null, ...place }
    this.target = `m@${this.place.provider}`
    this.stub = providerHealthStub(namespace, this.place, local)
  }

  /** Not the one of before: an object that was aborted takes its stubs along. */
  get raw(): DurableObjectStub {
    const at = namespaceAt(namespace, this.place, local)
    return at.get(at.idFromName(objectName(this.place)))
  }

  /** Reports come a second apart. */
  report(
    rows: readonly Partial<OutcomeRow>[] = [],
    more: Partial<HealthReport> = {},
  ): Promise<HealthReply> {
    world.pass(1000)
    this.#sequence += 1
    const whole = rows.map((row) => ({
      target: this.target,
      size: 0 as const,
      outcome: 'ok' as const,
      count: 1,
      ageMs: 0,
      ...row,
    }))
    return this.stub.report({
      isolate: 'isolate',
      bootNonce: 'boot',
      sequence: this.#sequence,
      rows: whole,
      probes: [],
      wants: [],
      haveVersion: 0,
      haveBoot: '',
      ...more,
    })
  }

  /** A total outage, as one report tells of it. */
  fail(): Promise<HealthReply> {
    return this.report([{ outcome: 'server_error', count: 10 }])
  }

  /** Ten live calls with permits, all of them good. */
  async recover(): Promise<void> {
    for (let calls = 0; calls < 10;) {
      const { permits } = await this.report([], { wants: [this.target] })
      const probes = permits.map(({ permitId }) => ({ permitId, outcome: 'ok', size: 0 }) as const)
      if (probes.length === 0) throw new Error('no permit was given')
      calls += probes.length
      await this.report([{ count: probes.length }], { probes })
    }
  }

  async domain(key: DomainKey): Promise<DomainSnapshot | undefined> {
    const { domains } = await this.stub.circuits()
    return domains.find((domain) => domain.key === key)
  }

  async circuit(): Promise<DomainSnapshot | undefined> {
    return this.domain(`target:${this.target}`)
  }

  /** Rings the alarm at `atMs` (or when it is set for), and waits until nothing runs behind it. */
  async ring(atMs?: number): Promise<void> {
    const dueMs = atMs ?? (await this.alarmAtMs())
    if (dueMs === null) throw new Error('no alarm is set')
    world.nowMs = Math.max(world.nowMs, dueMs)
    if (!(await runDurableObjectAlarm(this.raw))) throw new Error('no alarm is set')
    await this.idle()
  }

  /** Lets `ms` pass, and rings whenever an alarm is set for a moment in it. */
  async pass(ms: number): Promise<void> {
    const untilMs = world.nowMs + ms
    for (;;) {
      const dueMs = await this.alarmAtMs()
      if (dueMs === null || dueMs > untilMs) break
      await this.ring(dueMs)
    }
    world.nowMs = untilMs
  }

  alarmAtMs(): Promise<number | null> {
    return this.inside((_object, state) => state.storage.getAlarm())
  }

  idle(): Promise<void> {
    return this.inside((object) => object.idle())
  }

  /** What storage holds, without the object's own code. */
  stored(): Promise<unknown> {
    return this.inside((_object, state) => state.storage.get('data'))
  }

  inside<Result>(
    work: (object: ProviderHealth, state: DurableObjectState) => Result | Promise<Result>,
  ): Promise<Result> {
    return insideObject(this.raw, work)
  }

  evict(): Promise<void> {
    return evictDurableObject(this.raw)
  }

  abort(): Promise<void> {
    return abortAllDurableObjects()
  }
}

/** The helper's type asks for a class with the platform's brand, which the library's does not have. */
export const insideObject = runInDurableObject as unknown as <Result>(
  stub: DurableObjectStub,
  work: (object: ProviderHealth, state: DurableObjectState) => Result | Promise<Result>,
) => Promise<Result>
