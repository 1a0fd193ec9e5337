import { describe, expect, it } from 'vitest'
import { EventLog } from './kernel/event-log.ts'
import { Random } from './kernel/random.ts'
import { Sometimes } from './kernel/sometimes.ts'
import { Timeline } from './kernel/timeline.ts'

describe('Random', () => {
  it('draws the same from the same seed, and something else from another', () => {
    const draw = (seed: string) => Array.from({ length: 5 }, new Random(seed).next)
    expect(draw('a')).toEqual(draw('a'))
    expect(draw('a')).not.toEqual(draw('b'))
  })

  it('gives a fork a sequence of its own, however much its parent has drawn', () => {
    const parent = new Random('a')
    const early = parent.fork('x').next()
    parent.next()
    expect(parent.fork('x').next()).toBe(early)
    expect(parent.fork('y').next()).not.toBe(early)
  })

  it('draws evenly from [0, 1), and exponentially and log-normally around what is asked', () => {
    const random = new Random('even')
    const many = Array.from({ length: 20_000 }, random.next)
    expect(Math.min(...many)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...many)).toBeLessThan(1)
    const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
    expect(mean(many)).toBeCloseTo(0.5, 1)
    expect(mean(Array.from({ length: 20_000 }, () => random.exponential(40))) / 40).toBeCloseTo(
      1,
      1,
    )
    const logs = Array.from({ length: 20_000 }, () => Math.log(random.logNormal(500, 0.4) / 500))
    expect(mean(logs)).toBeCloseTo(0, 1)
  })
})

describe('Timeline', () => {
  it('runs events by their moment, and by their order where moments are equal', async () => {
    const timeline = new Timeline(0)
    const seen: string[] = []
    const random = new Random('order')
    const moments = Array.from({ length: 200 }, () => random.below(50))
    moments.forEach((atMs, index) => timeline.at(atMs, () => seen.push(`${atMs} ${index}`)))
    await timeline.run(100)
    const wanted = moments
      .map((atMs, index) => ({ atMs, index }))
      .sort((a, b) => a.atMs - b.atMs || a.index - b.index)
      .map(({ atMs, index }) => `${atMs} ${index}`)
    expect(seen).toEqual(wanted)
    expect(timeline.nowMs).toBe(100)
  })

  it('takes an event back, and goes no further than it is told', async () => {
    const timeline = new Timeline(0)
    const seen: number[] = []
    const cancel = timeline.after(10, () => seen.push(10))
    timeline.after(20, () => seen.push(20))
    timeline.after(30, () => seen.push(30))
    cancel()
    await timeline.run(25)
    expect(seen).toEqual([20])
  })

  it('lets what waits for a promise run before the next event', async () => {
    const timeline = new Timeline(0)
    const seen: string[] = []
    const reply = new Promise<void>((resolve) => {
      timeline.after(10, () => {
        timeline.settle()
        resolve()
      })
    })
    const errand = async () => {
      await reply
      seen.push(`reply at ${timeline.nowMs}`)
    }
    void errand()
    timeline.after(10, () => seen.push('next event'))
    await timeline.run(20)
    expect(seen).toEqual(['reply at 10', 'next event'])
  })
})

describe('EventLog', () => {
  it('keeps the last lines and hashes all of them', () => {
    const [short, whole] = [new EventLog(2), new EventLog(Infinity)]
    for (const log of [short, whole])
      for (let line = 0; line < 9; line += 1) log.write(`line ${line}`)
    expect(short.lines.slice(-2)).toEqual(['line 7', 'line 8'])
    expect(whole.lines).toHaveLength(9)
    expect(short.hash).toBe(whole.hash)
    whole.write('another')
    expect(short.hash).not.toBe(whole.hash)
  })
})

describe('Sometimes', () => {
  it('names what was never reached', () => {
    const counts = new Sometimes(['one', 'two'] as const)
    const more = new Sometimes(['one', 'two'] as const)
    counts.reached('one')
    expect(counts.never).toEqual(['two'])
    more.reached('two')
    counts.add(more)
    expect(counts.never).toEqual([])
  })
})
