import { describe, expect, it } from 'vitest'
import type { HealthReport } from '../../../../durable-objects/provider-health/protocol.ts'
import { runPlan, type RunResult } from '../../../../worker/engine/run-plan.ts'
import {
  type Answer,
  billing,
  chatRequest,
  fakeRuntime,
  FakeHost,
  json,
  plannedStep,
  refusing,
  silence,
  wholeAnswer,
} from '../../../support/fake-host.ts'
import { halfOpenDomain, permit, reply } from './support.ts'

const probed = 'gpt-4.1@openai'
const key = `target:${probed}` as const
const probe = plannedStep(probed, { probe: true })
const backup = plannedStep('m@backup', { tier: 1 })
const third = plannedStep('m@third', { tier: 2 })

/** Answers after a while. */
function late(host: FakeHost, delayMs: number, answer: Answer): Answer {
  return (call, number) =>
    new Promise((resolve) => host.clock.after(delayMs, () => resolve(answer(call, number))))
}

interface Raced {
  readonly host: FakeHost
  readonly result: RunResult
  readonly tookMs: number
  readonly reports: readonly HealthReport[]
}

/** A request whose first target is half-open, in an isolate that holds a permit for it. */
async function race(
  answers: (host: FakeHost) => Readonly<Record<string, Answer>>,
  steps = [probe, backup, third] as [typeof probe, ...(typeof probe)[]],
  maxAttempts = 3,
): Promise<Raced> {
  const reports: HealthReport[] = []
  const host: FakeHost = new FakeHost(fakeRuntime(), (_provider, report) => {
    reports.push(report)
    const said = reply([halfOpenDomain(key)], {
      permits: reports.length === 1 ? [permit(key)] : [],
    })
    return Promise.resolve(said)
  })
  const first = host.health.begin(host.target(probed), 1)
  await host.clock.settle()
  first.failed({ class: 'bad_request', message: 'no' }, 1)
  await host.clock.advance(1000)
  reports.splice(1)
  for (const [provider, answer] of Object.entries(answers(host))) host.on(provider, answer)
  const startMs = host.clock.nowMs
  const result = await host.clock.run(
    runPlan(
      steps,
      chatRequest(),
      {
        firstTokenTimeoutMs: 30_000,
        answerTimeoutMs: 60_000,
        deadlineAtMs: startMs + 600_000,
        maxAttempts,
        promptTokens: 1,
        billing,
      },
      () => false,
      host.ports,
    ),
  )
  const tookMs = host.clock.nowMs - startMs
  await host.clock.advance(1000)
  return { host, result, tookMs, reports: reports.slice(1) }
}

function answeredBy({ result }: Raced): string | null {
  return result.kind === 'answered' ? result.step.target : null
}

function outcomes({ reports }: Raced, target: string): string[] {
  const rows = reports.flatMap((report) => report.rows).filter((row) => row.target === target)
  return rows.map(({ outcome }) => outcome)
}

describe('a probe with its fallback armed', () => {
  it('answers by itself when it is fast, and nobody else is asked', async () => {
    const raced = await race((host) => ({ openai: late(host, 1900, json(wholeAnswer)) }))
    expect(answeredBy(raced)).toBe(probed)
    expect(raced.host.asked).toEqual(['openai'])
    expect(raced.tookMs).toBe(1900)
  })

  it('has its fallback beside it after two seconds of silence, which answers for it', async () => {
    const raced = await race((host) => ({
      openai: silence,
      backup: late(host, 300, json(wholeAnswer)),
    }))
    expect(answeredBy(raced)).toBe('m@backup')
    expect(raced.tookMs).toBe(2300)
    const [first, second] = raced.host.calls
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBe(2000)
  })

  it('is stopped when its fallback has answered', async () => {
    const raced = await race(() => ({ openai: silence, backup: json(wholeAnswer) }))
    expect(raced.host.calls[0]?.signal.aborted).toBe(true)
    expect(outcomes(raced, probed)).toEqual(['cancelled'])
    expect(raced.reports.flatMap(({ probes }) => probes)).toMatchObject([{ outcome: 'cancelled' }])
  })

  it('wins when it answers first all the same, and its fallback is stopped', async () => {
    const raced = await race((host) => ({
      openai: late(host, 2500, json(wholeAnswer)),
      backup: late(host, 5000, json(wholeAnswer)),
    }))
    expect(answeredBy(raced)).toBe(probed)
    expect(raced.tookMs).toBe(2500)
    expect(raced.host.calls[1]?.signal.aborted).toBe(true)
    expect(outcomes(raced, 'm@backup')).toEqual(['cancelled'])
  })

  it('hands over at once when it fails before the two seconds are over', async () => {
    const raced = await race(() => ({ openai: refusing(500), backup: json(wholeAnswer) }))
    expect(answeredBy(raced)).toBe('m@backup')
    expect(raced.host.asked).toEqual(['openai', 'backup'])
    expect(raced.tookMs).toBe(0)
    expect(raced.reports.flatMap(({ probes }) => probes)).toMatchObject([
      { permitId: `permit for ${key}`, outcome: 'server_error' },
    ])
  })

  it('waits for the other when one of both has failed', async () => {
    const raced = await race((host) => ({
      openai: late(host, 4000, json(wholeAnswer)),
      backup: refusing(500),
    }))
    expect(answeredBy(raced)).toBe(probed)
    expect(raced.tookMs).toBe(4000)
    expect(outcomes(raced, 'm@backup')).toEqual(['server_error'])
  })

  it('leaves the rest of the plan when both have failed', async () => {
    const raced = await race((host) => ({
      openai: late(host, 2500, refusing(500)),
      backup: late(host, 1000, refusing(500)),
      third: json(wholeAnswer),
    }))
    expect(answeredBy(raced)).toBe('m@third')
    expect(raced.host.asked).toEqual(['openai', 'backup', 'third'])
    expect(raced.tookMs).toBe(3000)
  })

  it('is waited for when no second attempt may be made', async () => {
    const raced = await race(
      (host) => ({ openai: late(host, 5000, json(wholeAnswer)), backup: json(wholeAnswer) }),
      [probe, backup],
      1,
    )
    expect(answeredBy(raced)).toBe(probed)
    expect(raced.host.asked).toEqual(['openai'])
  })

  it('runs alone when it is the only target', async () => {
    const raced = await race((host) => ({ openai: late(host, 5000, json(wholeAnswer)) }), [probe])
    expect(answeredBy(raced)).toBe(probed)
    expect(raced.tookMs).toBe(5000)
  })

  it('leaves no timer behind', async () => {
    const raced = await race((host) => ({ openai: late(host, 100, json(wholeAnswer)) }))
    // Reports of a while ago's failure may still be on their errand, which looks up every so often; a fallback that
    // was armed would have 900 ms left.
    expect(raced.host.clock.dueInMs.filter((dueInMs) => dueInMs > 500)).toEqual([])
    await raced.host.clock.advance(4000)
    expect(raced.host.clock.pending).toBe(0)
  })
})
