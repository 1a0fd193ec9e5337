import { describe, expect, it } from 'vitest'
import { failureTable, type FailureClass } from '../../../worker/canonical/failure.ts'
import type { RunLimits } from '../../../worker/engine/leg.ts'
import { runPlan, type RunResult } from '../../../worker/engine/run-plan.ts'
import type { PlannedStep } from '../../../worker/policy/plan.ts'
import {
  type Answer,
  billing,
  chatRequest,
  FakeHost,
  json,
  plannedStep,
  refusing,
  silence,
  wholeAnswer,
} from '../../support/fake-host.ts'

const primary = plannedStep('gpt-4.1@openai')
const backup = plannedStep('m@backup', { tier: 1 })
const third = plannedStep('m@third', { tier: 2 })

function run(
  host: FakeHost,
  steps: readonly [PlannedStep, ...PlannedStep[]],
  limits: Partial<RunLimits> = {},
): Promise<RunResult> {
  return host.clock.run(
    runPlan(
      steps,
      chatRequest(),
      {
        firstTokenTimeoutMs: 30_000,
        answerTimeoutMs: 60_000,
        deadlineAtMs: host.clock.nowMs + 600_000,
        maxAttempts: 3,
        promptTokens: 1,
        billing,
        ...limits,
      },
      () => false,
      host.ports,
    ),
  )
}

const contextError = { message: 'too long', code: 'context_length_exceeded' }
const filterError = { message: 'refused', code: 'content_filter' }

/** How a provider shows each class of failure. `truncated` needs a stream, `cancelled` a client that leaves. */
const failing: Partial<Record<FailureClass, Answer>> = {
  timeout: silence,
  connect: () => Promise.reject(new TypeError('refused')),
  overloaded: refusing(503),
  rate_limited: refusing(429, { message: 'slow down' }, { 'retry-after': '7' }),
  quota_exhausted: refusing(429, { message: 'spent', code: 'insufficient_quota' }),
  server_error: refusing(500),
  auth: refusing(401),
  bad_request: refusing(400),
  context_length: refusing(400, contextError),
  content_policy: refusing(400, filterError),
  malformed: () => new Response('<html>', { headers: { 'content-type': 'text/html' } }),
}

describe('runPlan() retries', () => {
  it.each(Object.entries(failing))(
    'asks the same target after %s as often as the failure table says',
    async (failureClass, answer) => {
      const host = new FakeHost().on('openai', answer)
      const result = await run(host, [primary])
      const { sameTargetRetries } = failureTable[failureClass as FailureClass]
      expect(result.kind === 'failed' && result.failures.at(-1)?.class).toBe(failureClass)
      expect(host.calls).toHaveLength(1 + sameTargetRetries)
    },
  )

  it.each(Object.entries(failing))(
    'asks another target after %s only where the failure table allows it',
    async (failureClass, answer) => {
      const host = new FakeHost().on('openai', answer).on('backup', json(wholeAnswer))
      const result = await run(host, [primary, backup])
      const { fallback } = failureTable[failureClass as FailureClass]
      const mayGoOn = fallback === 'yes' || fallback === 'preferred'
      expect(host.asked.includes('backup')).toBe(mayGoOn)
      expect(result.kind).toBe(mayGoOn ? 'answered' : 'failed')
    },
  )

  it('never sends a refused content anywhere again', async () => {
    const host = new FakeHost().on('openai', refusing(400, filterError))
    host.on('backup', json(wholeAnswer)).on('third', json(wholeAnswer))
    const result = await run(host, [primary, backup, third])
    expect(host.asked).toEqual(['openai'])
    expect(result.kind === 'failed' && result.failures[0].class).toBe('content_policy')
  })

  it('waits out an overloaded provider only when there is no other', async () => {
    const host = new FakeHost().on('openai', refusing(503)).on('backup', json(wholeAnswer))
    await run(host, [primary, backup])
    expect(host.asked).toEqual(['openai', 'backup'])
    const alone = new FakeHost().on('openai', refusing(503))
    await run(alone, [primary])
    const [first, second] = alone.calls
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(1000)
  })

  it('leaves an overloaded provider alone as long as it asks', async () => {
    const host = new FakeHost()
    host.on('openai', refusing(503, { message: 'busy' }, { 'retry-after': '9' }))
    await run(host, [primary])
    const [first, second] = host.calls
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(9000)
  })

  it('makes three calls at most, over all targets', async () => {
    const host = new FakeHost()
    for (const name of ['openai', 'backup', 'third']) host.on(name, refusing(500))
    const result = await run(host, [primary, backup, third])
    expect(host.calls).toHaveLength(3)
    expect(result.records).toHaveLength(3)
    const fewer = new FakeHost().on('openai', refusing(500)).on('backup', refusing(500))
    await run(fewer, [primary, backup], { maxAttempts: 1 })
    expect(fewer.asked).toEqual(['openai'])
  })

  it('keeps the last call for a target that has not been asked', async () => {
    const host = new FakeHost().on('openai', refusing(500)).on('backup', json(wholeAnswer))
    const result = await run(host, [primary, backup], { maxAttempts: 2 })
    expect(result.kind).toBe('answered')
    expect(host.asked).toEqual(['openai', 'backup'])
  })

  it('reaches the third target when both before it are dead', async () => {
    const host = new FakeHost().on('third', json(wholeAnswer))
    const result = await run(host, [primary, backup, third])
    expect(result.kind).toBe('answered')
    expect(host.asked).toEqual(['openai', 'backup', 'third'])
  })

  it('sends an overlong prompt to larger windows only', async () => {
    const sized = (step: PlannedStep, contextTokens: number | null) => ({ ...step, contextTokens })
    const host = new FakeHost().on('openai', refusing(400, contextError))
    host.on('backup', json(wholeAnswer)).on('third', json(wholeAnswer))
    await run(host, [sized(primary, 8000), sized(backup, 8000), sized(third, 128_000)])
    expect(host.asked).toEqual(['openai', 'third'])
    const none = new FakeHost().on('openai', refusing(400, contextError))
    none.on('backup', json(wholeAnswer))
    const result = await run(none, [sized(primary, 8000), sized(backup, null)])
    expect(none.asked).toEqual(['openai'])
    expect(result.kind === 'failed' && result.failures[0].class).toBe('context_length')
  })

  it('asks another target when the model itself is missing, whatever the class', async () => {
    const missing = { message: 'The model `gpt-4.1` does not exist', code: 'model_not_found' }
    const host = new FakeHost().on('openai', refusing(404, missing)).on('backup', json(wholeAnswer))
    expect((await run(host, [primary, backup])).kind).toBe('answered')
  })

  it('starts no retry that the deadline would cut off', async () => {
    const host = new FakeHost().on('openai', refusing(503))
    await run(host, [primary], { deadlineAtMs: host.clock.nowMs + 900 })
    expect(host.calls).toHaveLength(1)
  })

  it('leaves time for the targets behind a silent one', async () => {
    const host = new FakeHost().on('openai', silence).on('backup', json(wholeAnswer))
    const result = await run(host, [primary, backup], { deadlineAtMs: host.clock.nowMs + 10_000 })
    expect(result.kind).toBe('answered')
    expect(host.calls[0]?.signal.aborted).toBe(true)
  })

  it('asks nobody more once the client has gone', async () => {
    const host = new FakeHost().on('backup', json(wholeAnswer))
    host.on('openai', () => {
      host.leave()
      return Promise.reject(new TypeError('refused'))
    })
    const result = await run(host, [primary, backup])
    expect(host.asked).toEqual(['openai'])
    expect(result.kind === 'failed' && result.failures[0].class).toBe('cancelled')
  })

  it.each([
    ['before a retry', refusing(503), 0],
    ['before a gate', json(wholeAnswer), 1500],
  ] as const)(
    'asks nobody for a client that leaves during the wait %s',
    async (_name, answer, gateMs) => {
      const host = new FakeHost().on('openai', answer)
      host.clock.after(500, () => host.leave())
      const result = await run(host, [{ ...primary, notBeforeMs: host.clock.nowMs + gateMs }])
      expect(host.calls).toHaveLength(gateMs === 0 ? 1 : 0)
      expect(result.records).toHaveLength(host.calls.length)
      expect(result.kind === 'failed' && result.failures.at(-1)?.class).toBe('cancelled')
    },
  )

  it('leaves no timer behind', async () => {
    const host = new FakeHost().on('openai', refusing(500)).on('backup', json(wholeAnswer))
    await run(host, [primary, backup])
    expect(host.clock.pending).toBe(0)
  })
})

describe('runPlan() retry budget', () => {
  it('answers a thousand requests in a row from the second provider while the first is dead', async () => {
    const host = new FakeHost().on('backup', json(wholeAnswer))
    host.random = 0.5
    for (let request = 0; request < 1000; request++)
      expect((await run(host, [primary, backup])).kind).toBe('answered')
    expect(host.asked.filter((name) => name === 'backup')).toHaveLength(1000)
    // Five retries empty half of the bucket; after that the dead provider is asked once a request.
    expect(host.asked.filter((name) => name === 'openai')).toHaveLength(1005)
  }, 30_000)

  it('stops adding retries to a provider that fails', async () => {
    const host = new FakeHost().on('openai', refusing(500))
    for (let request = 0; request < 20; request++) await run(host, [primary])
    expect(host.calls).toHaveLength(20 + 5)
  })

  it('charges each fallback after the first to the provider it goes to', async () => {
    const host = new FakeHost().on('third', json(wholeAnswer))
    for (const name of ['openai', 'backup']) host.on(name, refusing(401))
    let answered = 0
    for (let request = 0; request < 40; request++)
      answered += (await run(host, [primary, backup, third])).kind === 'answered' ? 1 : 0
    // Half a bucket of 10, and a tenth back for each answer.
    expect(answered).toBeGreaterThanOrEqual(5)
    expect(answered).toBeLessThan(10)
    expect(host.memory.retryBudgets.get('backup')).toBeUndefined()
  })
})

describe('runPlan() gates', () => {
  it('closes the gate of a target that said retry-after, and only its own', async () => {
    const host = new FakeHost().on('backup', json(wholeAnswer))
    host.on('openai', refusing(429, { message: 'slow' }, { 'retry-after': '7' }))
    await run(host, [primary, backup])
    expect(host.notBeforeMs(primary.target)).toBe(host.clock.nowMs + 7000)
    expect(host.notBeforeMs(backup.target)).toBe(0)
  })

  it('never shortens a gate: max(old, new)', async () => {
    const host = new FakeHost()
    host.on('openai', refusing(429, { message: 'slow' }, { 'retry-after': '60' }))
    await run(host, [primary])
    const untilMs = host.notBeforeMs(primary.target)
    host.on('openai', refusing(429, { message: 'slow' }, { 'retry-after': '1' }))
    await run(host, [primary])
    expect(host.notBeforeMs(primary.target)).toBe(untilMs)
  })

  it('closes it for the time of the class when the provider names none', async () => {
    const limited = new FakeHost().on('openai', refusing(429))
    await run(limited, [primary])
    expect(limited.notBeforeMs(primary.target)).toBe(limited.clock.nowMs + 1000)
    const spent = new FakeHost()
    spent.on('openai', refusing(429, { message: 'spent', code: 'insufficient_quota' }))
    await run(spent, [primary])
    expect(spent.notBeforeMs(primary.target)).toBe(spent.clock.nowMs + 300_000)
  })

  it('leaves the gate open after failures that are no quota', async () => {
    const host = new FakeHost().on('openai', refusing(500))
    await run(host, [primary])
    expect(host.notBeforeMs(primary.target)).toBe(0)
  })

  it('waits for the last target when its gate opens soon, and asks it at once when not', async () => {
    for (const [gateMs, waitMs] of [
      [1500, 1500],
      [60_000, 0],
    ] as const) {
      const host = new FakeHost().on('openai', json(wholeAnswer))
      const startMs = host.clock.nowMs
      await run(host, [{ ...primary, notBeforeMs: startMs + gateMs }])
      expect((host.calls[0]?.atMs ?? 0) - startMs).toBe(waitMs)
    }
  })
})

describe('runPlan() records', () => {
  it('holds one entry for each call, and says why the answering target was asked', async () => {
    const host = new FakeHost().on('openai', refusing(429)).on('backup', json(wholeAnswer))
    const result = await run(host, [primary, backup])
    expect(result.records).toEqual([
      expect.objectContaining({ target: 'gpt-4.1@openai', outcome: 'rate_limited', status: 429 }),
    ])
    expect(result.reason).toBe('tier 1; gpt-4.1@openai failed before (rate_limited)')
  })
})
