import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blocksOf, framesOf } from '../../../durable-objects/run/blocks.ts'
import {
  isWorthKeeping,
  jobStatus,
  jobView,
  lostRun,
  noticed,
  noticePayload,
  type RunHead,
} from '../../../durable-objects/run/kept-run.ts'
import { runObjectName } from '../../../durable-objects/run/place.ts'
import {
  eventId,
  isRunId,
  readContext,
  readEventId,
  writeContext,
  type RunContext,
} from '../../../durable-objects/run/protocol.ts'
import { Seal } from '../../../durable-objects/run/sealed.ts'

const runId = `req_${'ab'.repeat(16)}`

const head: RunHead = {
  runId,
  isJob: true,
  state: 'ended',
  digest: null,
  startedAtMs: 1_000_000,
  endedAtMs: 1_005_000,
  keepForMs: 60_000,
  answer: { status: 200, headers: [['content-type', 'application/json']] },
  record: { ending: 'finished', status: 200 },
  isTooLarge: false,
  notice: null,
}

describe('frames in blocks', () => {
  it('come back as they were, also one that is larger than a block', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (frames) => {
        expect(framesOf(blocksOf(frames))).toEqual(frames)
      }),
    )
    const large = new Uint8Array(2_500_000).fill(7)
    const frames = [Uint8Array.of(1), large, Uint8Array.of(2, 3)]
    const blocks = [...blocksOf(frames)]
    expect(blocks.length).toBe(3)
    for (const block of blocks) expect(block.length).toBeLessThanOrEqual(1_000_000)
    const back = framesOf(blocks)
    expect(back.map(({ length }) => length)).toEqual([1, 2_500_000, 2])
    expect(Buffer.compare(back[1] ?? large.subarray(1), large)).toBe(0)
  })
})

describe('a seal', () => {
  const plain = new TextEncoder().encode('a prompt')

  it('gives back what was sealed, and shows nothing of it', async () => {
    const seal = await Seal.of('p'.repeat(32), 'object')
    const sealed = await seal.seal('head', plain)
    expect(new TextDecoder().decode(sealed)).not.toContain('prompt')
    expect(await seal.open('head', sealed)).toEqual(plain)
    expect(await seal.seal('head', plain)).not.toEqual(sealed)
  })

  it.each([
    ['another secret', 'q'.repeat(32), 'object', 'head'],
    ['another object', 'p'.repeat(32), 'other', 'head'],
    ['another piece', 'p'.repeat(32), 'object', 'block 0'],
  ])('is not opened with %s', async (_case, secret, name, label) => {
    const sealed = await (await Seal.of('p'.repeat(32), 'object')).seal('head', plain)
    await expect((await Seal.of(secret, name)).open(label, sealed)).rejects.toThrow()
  })

  it('is not opened when a bit of it was changed', async () => {
    const seal = await Seal.of('p'.repeat(32), 'object')
    const sealed = await seal.seal('head', plain)
    for (let index = 0; index < sealed.length; index++) {
      const changed = sealed.slice()
      changed[index] = (changed[index] ?? 0) ^ 1
      await expect(seal.open('head', changed)).rejects.toThrow()
    }
  })
})

describe('what is kept', () => {
  it.each([
    [{ ending: 'finished', status: 200 }, true],
    [{ ending: 'finished', status: 400 }, true],
    [{ ending: 'finished', status: 429 }, false],
    [{ ending: 'finished', status: 503 }, false],
    [{ ending: 'failed', status: 200 }, false],
    [{ ending: 'refused', status: 402 }, false],
    [{ ending: 'client_gone', status: 200 }, false],
  ])('of %o: %s', (record, isKept) => {
    expect(isWorthKeeping(record)).toBe(isKept)
  })
})

describe('a job', () => {
  it.each([
    [{}, 'completed'],
    [{ state: 'running' as const }, 'running'],
    [{ state: 'lost' as const }, 'failed'],
    [{ isTooLarge: true }, 'failed'],
    [{ record: null }, 'failed'],
    [{ record: { ending: 'failed', status: 200 } }, 'failed'],
    [{ record: { ending: 'finished', status: 404 } }, 'failed'],
  ])('with %o is %s', (change, status) => {
    expect(jobStatus({ ...head, ...change })).toBe(status)
  })

  it('shows its answer, JSON as JSON', () => {
    expect(jobView(head, '{"a":1}', { id: 'x' })).toEqual({
      id: runId,
      object: 'job',
      status: 'completed',
      created: 1000,
      ended: 1005,
      expires: 1065,
      error: null,
      response: { status: 200, content_type: 'application/json', body: { a: 1 } },
      request: { id: 'x' },
    })
    expect(jobView({ ...head, isTooLarge: true }, null, null)).toMatchObject({
      error: { code: 'body_too_large' },
      response: null,
    })
  })

  it('tells a webhook its id and how it ended, and nothing else', () => {
    expect(noticePayload(head)).toEqual({
      type: 'job.completed',
      timestamp: new Date(1_005_000).toISOString(),
      data: { id: runId, status: 'completed', location: `/v1/jobs/${runId}` },
    })
  })

  it('is told five times at most, later each time, and no more when it was taken', () => {
    const webhook = { url: 'https://hooks.example', secret: 'S' }
    let notice = { webhook, tries: 0, dueAtMs: 0 as number | null }
    const waits: (number | null)[] = []
    for (let tries = 0; tries < 5; tries++) {
      notice = noticed(notice, false, 0)
      waits.push(notice.dueAtMs)
    }
    expect(waits).toEqual([10_000, 60_000, 600_000, 3_600_000, null])
    expect(noticed({ webhook, tries: 0, dueAtMs: 0 }, true, 0).dueAtMs).toBeNull()
  })

  it('that was lost is told of at once', () => {
    const webhook = { url: 'https://hooks.example', secret: 'S' }
    const running = { ...head, state: 'running' as const, endedAtMs: null }
    const notice = { webhook, tries: 0, dueAtMs: null }
    expect(lostRun({ ...running, notice }, 7)).toMatchObject({
      state: 'lost',
      endedAtMs: 7,
      notice: { dueAtMs: 7 },
    })
    expect(lostRun(running, 7).notice).toBeNull()
  })
})

describe('names', () => {
  it('of objects are digests, one for each tenant and run', () => {
    const names = [
      runObjectName('acme', runId),
      runObjectName('acme2', runId),
      runObjectName('acme', `req_${'ac'.repeat(16)}`),
    ]
    expect(new Set(names).size).toBe(3)
    for (const name of names) expect(name).toMatch(/^[0-9a-f]{64}$/)
  })

  it('of events are read back, and nothing else is', () => {
    expect(readEventId(eventId(runId, 12))).toEqual({ runId, number: 12 })
    for (const text of ['', '12', runId, `${runId}.`, `${runId}.-1`, `${runId}.1 `, `x${runId}.1`])
      expect(readEventId(text)).toBeNull()
    expect([isRunId(runId), isRunId(`${runId}0`), isRunId('req_1')]).toEqual([true, false, false])
  })
})

describe('the context of a run', () => {
  const context: RunContext = {
    mode: 'serve',
    runId,
    tenant: 'acme',
    requestId: runId,
    residency: 'eu',
    isOnce: false,
    after: 0,
    hosted: { caller: { tenant: 'acme', tags: { city: 'Köln ☃' } } },
  }

  it('travels as ASCII', () => {
    const text = writeContext(context)
    // eslint-disable-next-line no-control-regex -- control characters are what is looked for
    expect(text).toMatch(/^[\x20-\x7e]*$/)
    expect(readContext(new Headers({ 'x-switchyard-run-context': text }))).toEqual(context)
  })

  it.each([{ mode: 'steal' }, { runId: 'x' }, { residency: 5 }, { isOnce: null }, { after: 0.5 }])(
    'is refused with %o',
    (change) => {
      const text = JSON.stringify({ ...context, ...change })
      expect(() => readContext(new Headers({ 'x-switchyard-run-context': text }))).toThrow()
    },
  )

  it('is asked for', () => {
    expect(() => readContext(new Headers())).toThrow()
  })
})
