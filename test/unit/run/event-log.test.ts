import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventLog, type LogReader } from '../../../durable-objects/run/event-log.ts'

const frame = (text: string) => new TextEncoder().encode(text)
const textOf = (frames: readonly Uint8Array[]) =>
  frames.map((one) => new TextDecoder().decode(one)).join('')

async function rest(reader: LogReader | null): Promise<string> {
  if (reader === null) return 'refused'
  let text = ''
  for (;;) {
    const next = await reader.next()
    if (typeof next === 'string') return `${text}[${next}]`
    text += textOf(next)
  }
}

describe('a log', () => {
  it('gives every reader all of it, whenever it came', async () => {
    const log = new EventLog(1000)
    log.append(frame('a'))
    const first = rest(log.reader(0))
    log.append(frame('b'))
    const second = rest(log.reader(0))
    log.append(frame('c'))
    log.close('whole')
    expect(await Promise.all([first, second, rest(log.reader(0))])).toEqual(
      Array(3).fill('abc[whole]'),
    )
  })

  it('goes on behind the last frame that a reader has had', async () => {
    const log = new EventLog(1000)
    for (const text of ['a', 'b', 'c']) log.append(frame(text))
    log.close('broken')
    expect(await rest(log.reader(2))).toBe('c[broken]')
    expect(await rest(log.reader(3))).toBe('[broken]')
    expect(await rest(log.reader(9))).toBe('[broken]')
  })

  it('takes nothing behind its end, and the first end counts', async () => {
    const log = new EventLog(1000)
    log.close('broken')
    log.append(frame('a'))
    log.close('whole')
    expect(await rest(log.reader(0))).toBe('[broken]')
  })

  it('too large, keeps only what somebody has yet to read, and refuses whoever wants more', async () => {
    const log = new EventLog(4)
    const reader = log.reader(0)
    log.append(frame('ab'))
    expect(textOf((await reader?.next()) as Uint8Array[])).toBe('ab')
    log.append(frame('cde'))
    expect([log.isWhole, log.reader(0)]).toEqual([false, null])
    log.close('whole')
    expect(await rest(reader)).toBe('cde[whole]')
  })

  it('loses whoever stays too far behind, and nobody else', async () => {
    const log = new EventLog(4)
    const slow = log.reader(0)
    const quick = log.reader(0)
    log.append(frame('ab'))
    await quick?.next()
    log.append(frame('cde'))
    await quick?.next()
    log.append(frame('fgh'))
    expect(await slow?.next()).toBe('lost')
    log.append(frame('ij'))
    log.close('whole')
    expect(await rest(quick)).toBe('fghij[whole]')
  })

  it('loses nobody by one frame, however large it is', async () => {
    const log = new EventLog(4)
    const reader = log.reader(0)
    log.append(frame('ab'))
    log.append(frame('much larger'))
    log.append(frame('cd'))
    log.close('whole')
    expect([log.isWhole, await rest(reader)]).toEqual([false, 'abmuch largercd[whole]'])
  })

  it('never holds more than it may and one frame, however many frames and readers there are', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(30)), fc.nat(5), (sizes, readers) => {
        const log = new EventLog(64)
        for (let reader = 0; reader < readers; reader++) log.reader(0)
        for (const size of sizes) log.append(new Uint8Array(size))
        const held = log.frames.map(({ length }) => length)
        const bytes = held.reduce((sum, length) => sum + length, 0)
        expect(bytes - Math.max(0, ...held)).toBeLessThanOrEqual(64)
      }),
    )
  })
})
