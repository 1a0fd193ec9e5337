import { describe, expect, it } from 'vitest'
import type { CanonicalRequest } from '../../../worker/canonical/request.ts'
import { plainChat, planRequest } from '../../../worker/engine/plan-request.ts'
import { chatRequest, fakeRuntime, FakeHost } from '../../support/fake-host.ts'
import { configOf } from '../ladder/support.ts'

/** A session of a route with affinity, with the real memory of an isolate between its requests. */
class Session {
  readonly host = new FakeHost(
    fakeRuntime(configOf({ tiers: [['gpt-4.1@openai', 'm@third']], affinity: 'session' })),
  )

  plan(more: Partial<CanonicalRequest> = {}) {
    const caller = { tenant: 'demo', keyId: 'k', profile: null }
    const asked = { ...plainChat, tags: { session: '4711' } }
    const planned = planRequest(
      chatRequest({ model: 'chat', ...more }),
      caller,
      this.host.ports,
      asked,
    )
    if (!planned.ok) throw new Error(planned.error.message)
    return planned.value
  }

  /** The first step answers. */
  answer(): void {
    const [step] = this.plan().plan.steps
    const attendance = this.host.health.begin(
      this.host.target(step.target),
      100,
      undefined,
      step.mark,
    )
    attendance.firstToken(100)
    attendance.finished({ broken: false, costNanoUsd: 1, elapsedMs: 200 })
  }

  warmth(more: Partial<CanonicalRequest> = {}) {
    return this.plan(more).input.ranking?.warmth
  }
}

describe('a session between its requests', () => {
  it('is remembered with where it went, and how long ago', async () => {
    const session = new Session()
    expect(session.warmth()).toBeNull()
    session.answer()
    const [{ target }] = session.plan().plan.steps
    await session.host.clock.advance(60_000)
    expect(session.warmth()).toEqual({ target, agoMs: 60_000 })
  })

  it('is held for an hour where a cache mark of a message or a tool asks for one', () => {
    const session = new Session()
    session.answer()
    const marked = (ttl: '5m' | '1h') => ({
      messages: [
        { role: 'user' as const, content: [{ type: 'text' as const, text: 'x', cache: { ttl } }] },
      ],
    })
    expect(session.warmth(marked('1h'))).toMatchObject({ askedMs: 3_600_000 })
    expect(session.warmth(marked('5m'))).not.toHaveProperty('askedMs')
    const tools = [{ kind: 'function' as const, name: 'f', cache: { ttl: '1h' as const } }]
    expect(session.warmth({ tools })).toMatchObject({ askedMs: 3_600_000 })
  })
})
