import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  abandon,
  type Answer,
  begin,
  bytesAdded,
  conflictMessage,
  endingOf,
  finish,
  lose,
  removal,
  swept,
} from '../../../durable-objects/tenant-ledger/access/idempotency.ts'
import { AnswerRecorder, readIdempotencyKey } from '../../../worker/edge/access/idempotency-key.ts'
import { settings as defaults, startMs, Store } from './support.ts'

const settings = { ...defaults, maxAnswerBytes: 1000, maxStoredBytes: 1500, chunkBytes: 100 }

function answer(length = 5, more: Partial<Answer> = {}): Answer {
  const body = new Uint8Array(length).map((_, index) => index % 251)
  return { status: 200, headers: [['content-type', 'text/event-stream']], body, ...more }
}

/** The rows as an object keeps them, and what a caller would get. */
class World extends Store {
  nowMs = startMs
  storedBytes = 0
  storesAnswers = true

  row(id: string) {
    return this.idempotency.get(id) ?? null
  }

  begin(runId: string, id = 'k', requestDigest = 'body') {
    const begun = begin(this.row(id), { id, requestDigest, runId }, settings, this.nowMs)
    if (begun.kind === 'fresh') this.write(id, begun.changes)
    return begun
  }

  finish(runId: string, said = answer(), id = 'k') {
    const { storedBytes, storesAnswers } = this
    this.write(id, finish(this.row(id), runId, said, { storedBytes, storesAnswers }, settings))
  }

  abandon(runId: string, id = 'k') {
    this.write(id, abandon(this.row(id), runId))
  }

  lose(runId: string, id = 'k') {
    this.write(id, lose(this.row(id), runId))
  }

  sweep() {
    for (const row of swept([...this.idempotency.values()], settings, this.nowMs))
      this.write(row.id, removal(row))
  }

  write(id: string, changes: Parameters<Store['apply']>[0]) {
    const before = this.row(id)
    this.apply(changes)
    this.storedBytes += bytesAdded(before, this.row(id))
  }

  body(id = 'k'): Uint8Array {
    const chunks = [...this.chunks.values()].filter(({ entryId }) => entryId === id)
    return new Uint8Array(
      chunks.sort((a, b) => a.number - b.number).flatMap(({ body }) => [...new Uint8Array(body)]),
    )
  }
}

describe('begin()', () => {
  it('lets the first run, tells the next to wait, and then gives all the same answer', () => {
    const world = new World()
    expect(world.begin('r1').kind).toBe('fresh')
    expect(world.begin('r2')).toEqual({ kind: 'running', retryAfterMs: 2000, runId: 'r1' })
    world.finish('r1', answer(250))
    expect(world.begin('r3')).toEqual({
      kind: 'replay',
      runId: 'r1',
      answer: {
        status: 200,
        headers: [['content-type', 'text/event-stream']],
        bytes: 250,
        chunkCount: 3,
      },
    })
    expect(world.body()).toEqual(answer(250).body)
    expect([...world.chunks.values()].map(({ body }) => body.byteLength)).toEqual([100, 100, 50])
  })

  it('answers the same run the same when its first answer was lost', () => {
    const world = new World()
    world.begin('r1')
    expect(world.begin('r1')).toEqual({ kind: 'fresh', changes: [] })
  })

  it('refuses another request under the same key, whatever became of the first', () => {
    const world = new World()
    const conflict = { kind: 'conflict', reason: 'other_request', runId: 'r1' }
    world.begin('r1')
    expect(world.begin('r2', 'k', 'other')).toEqual(conflict)
    world.finish('r1')
    expect(world.begin('r2', 'k', 'other')).toEqual(conflict)
  })

  it('keeps keys apart', () => {
    const world = new World()
    world.begin('r1', 'k1')
    expect(world.begin('r2', 'k2').kind).toBe('fresh')
  })

  it('does not wait for ever for a run that fell silent, and does not run again either', () => {
    const world = new World()
    world.begin('r1')
    world.nowMs += settings.runMs - 1
    expect(world.begin('r2').kind).toBe('running')
    world.nowMs += 1
    const conflict = { kind: 'conflict', reason: 'unknown_outcome', runId: 'r1' }
    expect(world.begin('r2')).toEqual(conflict)
    // A late word still counts.
    world.finish('r1')
    expect(world.begin('r3').kind).toBe('replay')
  })

  it('forgets after a day, and takes the answer of the day before with it', () => {
    const world = new World()
    world.begin('r1')
    world.finish('r1', answer(250))
    world.nowMs += settings.idempotencyMs - 1
    expect(world.begin('r2').kind).toBe('replay')
    world.nowMs += 1
    expect(world.begin('r2').kind).toBe('fresh')
    expect(world.chunks.size).toBe(0)
    expect(world.storedBytes).toBe(0)
    // The first run is not this one's.
    world.finish('r1')
    world.abandon('r1')
    expect(world.begin('r3')).toMatchObject({ kind: 'running', runId: 'r2' })
  })
})

describe('finish()', () => {
  it('keeps the headers that are on the list', () => {
    const world = new World()
    world.begin('r1')
    const headers = [
      ['Content-Type', 'application/json'],
      ['x-switchyard-provider', 'openai'],
      ['set-cookie', 'a=b'],
      ['x-ratelimit-remaining-requests', '5'],
      ['x-switchyard-request-id', 'r1'],
      ['authorization', 'Bearer x'],
    ] as const
    world.finish('r1', answer(1, { headers }))
    expect(world.row('k')?.answer?.headers).toEqual([
      ['content-type', 'application/json'],
      ['x-switchyard-provider', 'openai'],
    ])
  })

  it.each([
    ['too_large', (world: World) => world.finish('r1', answer(1001))],
    ['too_large', (world: World) => world.finish('r1', answer(1, { body: null }))],
    [
      'storage_full',
      (world: World) => {
        world.begin('r0', 'k0')
        world.finish('r0', answer(1000), 'k0')
        world.finish('r1', answer(501))
      },
    ],
    [
      'storage_off',
      (world: World) => {
        world.storesAnswers = false
        world.finish('r1')
      },
    ],
  ])('says why an answer is not kept (%s), and the request does not run again', (reason, end) => {
    const world = new World()
    world.begin('r1')
    end(world)
    expect(world.begin('r2')).toEqual({ kind: 'conflict', reason, runId: 'r1' })
    expect(world.body()).toHaveLength(0)
  })

  it('takes one word on a run, and none of another', () => {
    const world = new World()
    world.begin('r1')
    world.finish('r2', answer(7))
    expect(world.begin('r3').kind).toBe('running')
    world.finish('r1', answer(5))
    world.finish('r1', answer(9))
    world.lose('r1')
    world.abandon('r1')
    expect(world.begin('r3')).toMatchObject({ answer: { bytes: 5 } })
  })

  it('keeps an empty answer', () => {
    const world = new World()
    world.begin('r1')
    world.finish('r1', answer(0))
    expect(world.begin('r2')).toMatchObject({ kind: 'replay', answer: { bytes: 0, chunkCount: 0 } })
  })
})

describe('abandon() and lose()', () => {
  it('let the next run when nothing was bought, and do not when something may have been', () => {
    const world = new World()
    world.begin('r1')
    world.abandon('r1')
    expect(world.begin('r2').kind).toBe('fresh')
    world.lose('r2')
    expect(world.begin('r3')).toMatchObject({ kind: 'conflict', reason: 'unknown_outcome' })
  })
})

describe('endingOf()', () => {
  const good = { status: 200, isComplete: true, wasSent: true, isBilled: true }

  it.each([
    ['an answer', good, 'finish'],
    [
      'a request that the provider calls wrong',
      { ...good, status: 400, isBilled: false },
      'finish',
    ],
    ['a refusal before any call (no budget)', { ...good, status: 402, wasSent: false }, 'abandon'],
    ['every target out of quota', { ...good, status: 429, isBilled: false }, 'abandon'],
    ['every target failed, unbilled', { ...good, status: 502, isBilled: false }, 'abandon'],
    ['a failure that may be billed', { ...good, status: 504 }, 'lose'],
    ['an answer that broke off', { ...good, isComplete: false }, 'lose'],
    [
      'a client that left before any token',
      { ...good, isComplete: false, isBilled: false },
      'abandon',
    ],
  ] as const)('%s', (_, ending, expected) => {
    expect(endingOf(ending)).toBe(expected)
  })
})

const seed = Number(process.env['SEED'] ?? 20_261_126)

describe('histories', () => {
  type Act = readonly ['begin' | 'finish' | 'crash' | 'abandon' | 'lose' | 'wait' | 'sweep', number]

  it('cost one upstream call for each key and day, however they are told', () => {
    const acts = fc.array(
      fc.tuple(
        fc.constantFrom('begin', 'begin', 'finish', 'crash', 'abandon', 'lose', 'wait', 'sweep'),
        fc.nat(1000),
      ),
      { maxLength: 60 },
    )
    let replays = 0
    fc.assert(
      fc.property(acts as fc.Arbitrary<Act[]>, (history) => {
        const world = new World()
        /** Runs that were let through and have not ended: each makes one call, but for those that give up before. */
        const open = new Set<string>()
        let calls: number[] = []
        let answered: Uint8Array | null = null
        let count = 0
        for (const [act, value] of history) {
          const run = [...open][value % Math.max(1, open.size)]
          if (act === 'wait') world.nowMs += value * 120_000
          if (act === 'sweep') world.sweep()
          if (act === 'begin') {
            count += 1
            const begun = world.begin(`r${count}`)
            if (begun.kind === 'fresh') {
              open.add(`r${count}`)
              // It may call as soon as it is let through: count the call now, take it back if it gives up.
              calls.push(world.nowMs)
              answered = null
            }
            if (begun.kind === 'replay') {
              replays += 1
              expect(world.body()).toEqual(answered)
            }
          }
          if (run === undefined) continue
          const isCurrent = world.row('k')?.runId === run && world.row('k')?.state === 'running'
          if (act === 'finish') {
            const said = answer((value % 900) + 1)
            world.finish(run, said)
            if (isCurrent) answered = said.body
          }
          if (act === 'abandon') {
            world.abandon(run)
            if (isCurrent) calls = calls.slice(0, -1)
          }
          if (act === 'lose') world.lose(run)
          if (act === 'finish' || act === 'abandon' || act === 'lose' || act === 'crash')
            open.delete(run)
          expect(world.storedBytes).toBe(
            [...world.chunks.values()].reduce((sum, { body }) => sum + body.byteLength, 0),
          )
        }
        for (const [index, at] of calls.entries())
          if (index > 0)
            expect(at - (calls[index - 1] ?? 0)).toBeGreaterThanOrEqual(settings.idempotencyMs)
      }),
      // How many histories come to a replay is chance: 49 of another seed's thousand.
      { numRuns: 1000, seed },
    )
    expect(replays).toBeGreaterThan(50)
  })
})

describe('swept()', () => {
  it('deletes what is over, with all of its chunks, and nothing else', () => {
    const world = new World()
    world.begin('r1', 'k1')
    world.finish('r1', answer(250), 'k1')
    world.nowMs += 1
    world.begin('r2', 'k2')
    world.nowMs += settings.idempotencyMs - 1
    world.sweep()
    expect([...world.idempotency.keys()]).toEqual(['k2'])
    expect(world.chunks.size).toBe(0)
  })

  it('stops at so many bytes, and takes one entry however large', () => {
    const world = new World()
    for (const id of ['k1', 'k2', 'k3']) {
      world.begin('r', id)
      world.finish('r', answer(250), id)
    }
    const rows = [...world.idempotency.values()]
    const taken = (sweepBytes: number) =>
      swept(rows, { ...settings, sweepBytes }, startMs + settings.idempotencyMs).map(({ id }) => id)
    expect(taken(1)).toEqual(['k1'])
    expect(taken(251)).toEqual(['k1', 'k2'])
    expect(taken(10_000)).toEqual(['k1', 'k2', 'k3'])
  })
})

describe('conflictMessage()', () => {
  it('says what to do', () => {
    expect(conflictMessage('running', 'r1')).toContain('still running')
    expect(conflictMessage('other_request', 'r1')).toContain('another request')
    expect(conflictMessage('unknown_outcome', 'r1')).toContain('may have been charged')
    expect(conflictMessage('too_large', 'r1')).toContain('too large')
    expect(conflictMessage('storage_off', 'r1')).toContain('keeps no answers')
  })
})

describe('readIdempotencyKey()', () => {
  it('takes 1 to 255 visible characters', () => {
    expect(readIdempotencyKey(null)).toEqual({ kind: 'none' })
    expect(readIdempotencyKey(' a-1 ')).toEqual({ kind: 'read', key: 'a-1' })
    for (const header of ['', ' ', 'a b', 'ä', 'x'.repeat(256), 'a\n'.repeat(2)])
      expect(readIdempotencyKey(header).kind, header).toBe('invalid')
  })
})

describe('AnswerRecorder', () => {
  it('collects what is sent, and drops it all when it is more than is kept', () => {
    const recorder = new AnswerRecorder(4)
    const chunk = new Uint8Array([1, 2])
    recorder.push(chunk)
    chunk[0] = 9
    recorder.push(new Uint8Array([3, 4]))
    expect(recorder.body()).toEqual(new Uint8Array([1, 2, 3, 4]))
    recorder.push(new Uint8Array([5]))
    expect(recorder.body()).toBeNull()
    recorder.push(new Uint8Array(0))
    expect(recorder.body()).toBeNull()
  })
})
