import { describe, expect, it } from 'vitest'
import { measureAnswer, measureFailure } from '../../../../worker/edge/measure/call-measure.ts'
import { Decaying } from '../../../../worker/edge/measure/decaying.ts'
import { TargetMeasure } from '../../../../worker/edge/measure/target-measure.ts'
import type { Failure } from '../../../../worker/canonical/failure.ts'
import { domain, evidence, speed, startMs } from '../health/support.ts'

const nothing = { speed: null, domain: null }
const minuteMs = 60_000

describe('TargetMeasure', () => {
  it('knows nothing before anything was measured', () => {
    expect(new TargetMeasure().measured(0, nothing, startMs)).toMatchObject({
      firstTokenP50Ms: null,
      firstTokenP95Ms: null,
      tokensPerSecond: null,
      failureRate: null,
      schemaValidity: null,
      toolCallValidity: null,
      samples: 0,
    })
  })

  it('measures first tokens by size of prompt, within the width of a bucket', () => {
    const measure = new TargetMeasure()
    for (let call = 0; call < 100; call += 1) measure.firstToken(0, call < 90 ? 300 : 2000, startMs)
    const { firstTokenP50Ms, firstTokenP95Ms } = measure.measured(0, nothing, startMs)
    expect(firstTokenP50Ms).toBeGreaterThan(300 / 1.38)
    expect(firstTokenP50Ms).toBeLessThan(300 * 1.38)
    expect(firstTokenP95Ms).toBeGreaterThan(2000 / 1.38)
    expect(measure.measured(1, nothing, startMs).firstTokenP50Ms).toBeNull()
  })

  it('believes a slow answer at once, and forgets it gradually', () => {
    const measure = new TargetMeasure()
    for (let call = 0; call < 50; call += 1) measure.firstToken(0, 300, startMs)
    measure.firstToken(0, 20_000, startMs)
    const expected = (afterMs: number) =>
      measure.measured(0, nothing, startMs + afterMs).firstTokenNowMs ?? NaN
    expect(expected(0)).toBe(20_000)
    expect(expected(10_000)).toBeCloseTo(20_000 / Math.E, -2)
    expect(expected(minuteMs)).toBeLessThan(420)
  })

  it('is unknown again when what it saw is long ago, so that it is tried anew', () => {
    const measure = new TargetMeasure()
    for (let call = 0; call < 10; call += 1) measure.firstToken(0, 20_000, startMs)
    expect(measure.measured(0, nothing, startMs + 5 * minuteMs).firstTokenP50Ms).not.toBeNull()
    expect(measure.measured(0, nothing, startMs + 20 * minuteMs).firstTokenP50Ms).toBeNull()
  })

  it('learns from ten usage reports what share of all prompts comes from the cache', () => {
    const measure = new TargetMeasure()
    const share = () => measure.measured(0, nothing, startMs).promptCachedShare
    const report = (usage: object) => {
      const result = { broken: false, costNanoUsd: 1, elapsedMs: 100, usage }
      measureAnswer({ measure, size: 0 }, null, result, startMs)
    }
    for (let call = 0; call < 9; call += 1)
      report({ inputTokens: 1000, outputTokens: 5, cacheReadTokens: 500 })
    // Silent of the cache, or of the prompt: no report of it.
    report({ inputTokens: 1000, outputTokens: 5 })
    report({ cacheReadTokens: 500 })
    expect(share()).toBeNull()
    report({ inputTokens: 1000, outputTokens: 5, cacheReadTokens: 0 })
    expect(share()).toBe(0.45)
  })

  it('goes by the word of the object where it has seen little itself, until that word is old', () => {
    const measure = new TargetMeasure()
    const told = {
      speed,
      domain: domain('target:a@acme', { evidence: evidence({ judged: 40, failed: 4, broken: 2 }) }),
    }
    expect(measure.measured(0, told, startMs)).toMatchObject({
      firstTokenP50Ms: 400,
      firstTokenP95Ms: 900,
      failureRate: 0.1,
      schemaValidity: 0.95,
      schemaSamples: 40,
      samples: 40,
    })
    expect(measure.measured(0, told, startMs + 6 * minuteMs).firstTokenP50Ms).toBeNull()
    for (let call = 0; call < 20; call += 1) measure.firstToken(0, 100, startMs)
    expect(measure.measured(0, told, startMs).firstTokenP50Ms).toBeLessThan(150)
  })
})

describe('a call', () => {
  const failed = (cause: Failure['class'], hasAnswered: boolean) => {
    const measure = new TargetMeasure()
    measureFailure({ measure, size: 0 }, hasAnswered ? 300 : null, cause, 9000, startMs)
    return measure.measured(0, nothing, startMs)
  }

  it('counts a failure of the target, and whether it may be billed', () => {
    expect(failed('server_error', false)).toMatchObject({ failureRate: 1, abortRate: 0 })
    expect(failed('server_error', true)).toMatchObject({ failureRate: 1, abortRate: 1 })
    expect(failed('timeout', false)).toMatchObject({ failureRate: 1, abortRate: 1 })
  })

  it('counts a call that came to nothing in all its time as that slow', () => {
    expect(failed('timeout', false).firstTokenNowMs).toBeGreaterThanOrEqual(9000)
  })

  it('holds nothing against the target that the caller or a limit has done', () => {
    expect(failed('bad_request', false).failureRate).toBe(0)
    expect(failed('rate_limited', false).failureRate).toBe(0)
    expect(failed('cancelled', true).failureRate).toBeNull()
  })

  it('measures tokens per second after the first token, and what parsed', () => {
    const measure = new TargetMeasure()
    const soundness = { schema: false, toolCalls: null }
    const usage = { inputTokens: 10, outputTokens: 300 }
    const result = { broken: true, costNanoUsd: 1, usage, elapsedMs: 3500, soundness }
    measureAnswer({ measure, size: 0 }, 500, result, startMs)
    expect(measure.measured(0, nothing, startMs)).toMatchObject({
      tokensPerSecond: 100,
      failureRate: 1,
    })
    for (let more = 0; more < 19; more += 1) measure.schema(true, startMs)
    const { schemaValidity, schemaSamples, toolCallValidity } = measure.measured(
      0,
      nothing,
      startMs,
    )
    expect([schemaValidity, schemaSamples, toolCallValidity]).toEqual([0.95, 20, null])
  })

  it('goes by whole answers where nobody streams', () => {
    const measure = new TargetMeasure()
    const result = { broken: false, costNanoUsd: null, usage: undefined, elapsedMs: 1200 }
    measureAnswer({ measure, size: 0 }, null, result, startMs)
    expect(measure.measured(0, nothing, startMs)).toMatchObject({
      firstTokenP50Ms: null,
      firstTokenNowMs: 1200,
    })
  })
})

describe('Decaying', () => {
  it('halves what it has in each half-life, and a clock that goes back takes nothing', () => {
    const values = new Decaying(minuteMs)
    values.note(4, startMs)
    values.note(2, startMs)
    expect(values.mean(startMs)).toBe(3)
    expect(values.count(startMs + minuteMs)).toBe(1)
    expect(values.count(startMs)).toBe(1)
    expect(values.mean(startMs + 5 * minuteMs)).toBeNull()
  })
})
