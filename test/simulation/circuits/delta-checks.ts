import {
  snapshot,
  type HealthEvent,
  type HealthState,
} from '../../../durable-objects/provider-health/health.ts'
import type {
  DomainSnapshot,
  HealthReply,
} from '../../../durable-objects/provider-health/protocol.ts'
import { invariant } from '../kernel/broken.ts'

/** Nobody is left with an old word: what changed since the version that an isolate has is in its reply. */
export class DeltaChecks {
  /** How circuits looked at a version, for the last versions of this life. */
  readonly #faces = new Map<number, ReadonlyMap<string, string>>()

  after(state: HealthState, event: HealthEvent, reply: HealthReply | null): void {
    const faces = new Map(
      snapshot(state, state.nowMs)
        .filter(({ key }) => key === 'edge' || key.startsWith('target:'))
        .map((domain) => [domain.key as string, faceOf(domain)]),
    )
    this.#faces.set(state.version, faces)
    for (const version of this.#faces.keys()) {
      if (this.#faces.size <= rememberedVersions) break
      this.#faces.delete(version)
    }
    if (event.kind !== 'report' || reply === null || event.report.haveBoot !== state.boot) return
    const known = this.#faces.get(event.report.haveVersion)
    if (known === undefined) return
    for (const [key, face] of faces) {
      if (known.get(key) === face || !known.has(key)) continue
      const told = reply.domains.some((domain) => domain.key === key)
      invariant(told, 'a reply tells all that changed', () => [key, known.get(key), face])
    }
  }
}

function faceOf({ state, epoch, slow, failRate, forced }: DomainSnapshot): string {
  return JSON.stringify([state, epoch, slow, failRate, forced?.state])
}

const rememberedVersions = 300
