import { describe, expect, it } from 'vitest'
import {
  eachBucket,
  isName,
  readRow,
  verdictOf,
} from '../../../durable-objects/provider-health/rules/outcomes.ts'
import type { OutcomeRow } from '../../../durable-objects/provider-health/protocol.ts'
import { defaultHealthSettings as settings } from '../../../durable-objects/provider-health/settings.ts'
import { row, startMs } from './support.ts'

const read = (more: Record<string, unknown>) =>
  readRow({ ...row('ok'), ...more } as OutcomeRow, startMs, settings)

describe('readRow()', () => {
  it.each([
    ['an outcome that nobody knows', { outcome: 'maybe' }],
    ['an outcome that is a property of every object', { outcome: 'constructor' }],
    ['no target', { target: undefined }],
    ['a target without a name', { target: '' }],
    ['the name of all targets', { target: '*' }],
    ['a target with a space', { target: 'a b' }],
    ['a target outside ASCII', { target: 'é@x' }],
    ['a target with an endless name', { target: 'x'.repeat(201) }],
    ['a size class that does not exist', { size: 4 }],
    ['a size class that is text', { size: '0' }],
    ['a count of nothing', { count: 0 }],
    ['a negative count', { count: -1 }],
    ['a broken count', { count: 1.5 }],
    ['a count that is no number', { count: Number.NaN }],
    ['an endless count', { count: Infinity }],
    ['an age that is no number', { ageMs: Number.NaN }],
    ['an age that is text', { ageMs: '5' }],
    ['no age', { ageMs: undefined }],
  ])('refuses %s', (_what, more) => {
    expect(read(more)).toBeNull()
  })

  it.each([[null], [undefined], [5], ['row']])('refuses %j, which is no row', (value) => {
    expect(readRow(value as unknown as OutcomeRow, startMs, settings)).toBeNull()
  })

  it.each([
    [-5, 0],
    [0, 0],
    [10_000, 10_000],
    [10_001, 10_000],
    [Infinity, 10_000],
  ])('takes an age of %d ms for %d', (ageMs, takenMs) => {
    expect(read({ ageMs })?.atMs).toBe(startMs - takenMs)
  })

  it('takes a huge count for a thousand', () => {
    expect(read({ count: 1000 })?.count).toBe(1000)
    expect(read({ count: 1e15 })?.count).toBe(1000)
  })

  it('leaves out what makes no sense beside a row that does', () => {
    expect(
      read({
        ttft: 'x',
        cost: 5,
        elapsedMs: -1,
        retryAfterMs: Number.NaN,
        credential: '',
        ramp: 1,
      }),
    ).toMatchObject({
      ttft: [],
      cost: [],
      elapsedMs: 0,
      retryAfterMs: undefined,
      credential: null,
      isRamp: false,
    })
  })

  it('keeps what makes sense', () => {
    expect(
      read({
        ttft: [[1, 1]],
        cost: [[2, 1]],
        elapsedMs: 5,
        retryAfterMs: 0,
        credential: 'c',
        ramp: true,
      }),
    ).toMatchObject({
      ttft: [[1, 1]],
      cost: [[2, 1]],
      elapsedMs: 5,
      retryAfterMs: 0,
      credential: 'c',
      isRamp: true,
    })
  })
})

describe('eachBucket()', () => {
  const pairs = (histogram: unknown, limit = 10) => {
    const seen: [number, number][] = []
    eachBucket(histogram as never, 24, limit, (bucket, count) => seen.push([bucket, count]))
    return seen
  }

  it('gives the pairs that make sense', () => {
    const hostile = [
      [0, 1],
      [23, 2],
      [24, 1],
      [-1, 1],
      [1.5, 1],
      [1, 0],
      [1, -1],
      [1, 0.5],
      'x',
      null,
    ]
    expect(pairs(hostile)).toEqual([
      [0, 1],
      [23, 2],
    ])
  })

  it('counts no more answers than the row has', () => {
    expect(
      pairs([
        [1, 7],
        [2, 7],
        [3, 7],
      ]),
    ).toEqual([
      [1, 7],
      [2, 3],
    ])
  })

  it('reads no further than there are buckets', () => {
    expect(
      pairs(
        Array.from({ length: 1000 }, () => [0, 1]),
        1000,
      ),
    ).toHaveLength(24)
  })
})

describe('verdictOf()', () => {
  it('calls an answer that came whole good for all but the target when its output is broken', () => {
    const whole = { edge: 'ok', quota: 'none', credential: 'ok' }
    expect(verdictOf('ok')).toEqual({ ...whole, target: 'ok' })
    expect(verdictOf('broken_output')).toEqual({ ...whole, target: 'fail' })
  })

  it('takes a cost that is told later for evidence of nothing else', () => {
    const none = { edge: 'none', target: 'none', quota: 'none', credential: 'none' }
    expect(verdictOf('priced')).toEqual(none)
  })

  it('takes failures from the table of failures', () => {
    expect(verdictOf('connect')).toMatchObject({ edge: 'fail', target: 'fail' })
    expect(verdictOf('rate_limited')).toMatchObject({
      edge: 'ok',
      target: 'neutral',
      quota: 'wait',
    })
  })
})

describe('isName()', () => {
  it('takes printable ASCII without spaces, up to 200 characters', () => {
    expect(isName('x'.repeat(200))).toBe(true)
    expect([isName('claude-4@anthropic'), isName(5), isName('a\n')]).toEqual([true, false, false])
  })
})
