import { beforeEach, describe, expect, it } from 'vitest'
import { rpcVersion } from '../../durable-objects/tenant-ledger/rpc.ts'
import { bytes, digestOf, joined, KeyLedger } from './tenant-ledger-access-world.ts'
import { actor, line } from './tenant-ledger-object.ts'
import { beginningMs, dayMs, ledgerWorld } from './tenant-ledger-world.ts'

beforeEach(() => {
  ledgerWorld.reset()
  limit({ chunkBytes: 100, maxAnswerBytes: 1000, maxStoredBytes: 1500 })
})

function limit(more: Partial<typeof ledgerWorld.settings.access>): void {
  const { access } = ledgerWorld.settings
  ledgerWorld.settings = { ...ledgerWorld.settings, access: { ...access, ...more } }
}

async function replayed(ledger: KeyLedger, key = 'k') {
  const begun = await ledger.begin('again', key)
  if (begun.kind !== 'replay') throw new Error(begun.kind)
  return begun
}

describe('an idempotency key', () => {
  it('is claimed by one of those who come at once', async () => {
    const ledger = new KeyLedger()
    const runs = Array.from({ length: 20 }, (_, index) => `run ${index}`)
    const begun = await Promise.all(runs.map((runId) => ledger.begin(runId)))
    const fresh = begun.flatMap(({ kind }, index) => (kind === 'fresh' ? [runs[index]] : []))
    expect(fresh).toHaveLength(1)
    for (const reply of begun)
      if (reply.kind !== 'fresh')
        expect(reply).toEqual({ kind: 'running', retryAfterMs: 2000, runId: fresh[0] })
  })

  it.each(['evict', 'abort'] as const)(
    'is claimed still after an %s, and fresh again for the run that has it',
    async (end) => {
      const ledger = new KeyLedger()
      expect(await ledger.begin('first')).toEqual({ kind: 'fresh' })
      await ledger[end]()
      expect(await ledger.begin('second')).toMatchObject({ kind: 'running', runId: 'first' })
      expect(await ledger.begin('first')).toEqual({ kind: 'fresh' })
      expect(await ledger.count('idempotency')).toBe(1)
    },
  )

  it.each([
    ['nothing', []],
    ['one piece', [bytes(100)]],
    ['many pieces', [bytes(1), bytes(0), bytes(333, 7), bytes(99, 3)]],
    ['as much as is kept', [bytes(1000)]],
  ])('that was answered with %s answers the same again, byte for byte', async (_name, body) => {
    const ledger = new KeyLedger()
    await ledger.begin('first')
    const headers = [
      ['Content-Type', 'text/event-stream'],
      ['set-cookie', 'a=b'],
      ['x-switchyard-provider', 'acme'],
    ]
    expect(await ledger.finish('first', body, { status: 201, headers })).toEqual({
      state: 'stored',
    })
    const whole = joined(body)
    expect(await ledger.count('chunks')).toBe(Math.ceil(whole.length / 100))
    for (const end of ['evict', 'abort'] as const) {
      const { answer, runId } = await replayed(ledger)
      expect(runId).toBe('first')
      expect(answer.status).toBe(201)
      expect(answer.headers).toEqual([
        ['content-type', 'text/event-stream'],
        ['x-switchyard-provider', 'acme'],
      ])
      expect(joined(answer.chunks)).toEqual(whole)
      await ledger[end]()
    }
  })

  it('is for one request: another body conflicts, whatever became of the first', async () => {
    const ledger = new KeyLedger()
    await ledger.begin('first')
    const other = { kind: 'conflict', reason: 'other_request', runId: 'first' }
    expect(await ledger.begin('second', 'k', 'other')).toEqual(other)
    await ledger.finish('first', [bytes(5)])
    expect(await ledger.begin('second', 'k', 'other')).toEqual(other)
  })

  it('that is given up is free again, and one that is lost is not', async () => {
    const ledger = new KeyLedger()
    await ledger.begin('first')
    expect(await ledger.abandon('other')).toEqual({ state: 'running' })
    expect(await ledger.abandon('first')).toEqual({ state: null })
    await ledger.evict()
    expect(await ledger.begin('second')).toEqual({ kind: 'fresh' })
    expect(await ledger.lose('first')).toEqual({ state: 'running' })
    expect(await ledger.lose('second')).toEqual({ state: 'unknown' })
    await ledger.abort()
    expect(await ledger.begin('third')).toEqual({
      kind: 'conflict',
      reason: 'unknown_outcome',
      runId: 'second',
    })
    expect(await ledger.finish('second', [bytes(5)])).toEqual({ state: 'unknown' })
    expect(await ledger.abandon('nobody', 'never begun')).toEqual({ state: null })
  })

  it('whose isolate died is running for 16 minutes, of unknown outcome for a day, and then free', async () => {
    const ledger = new KeyLedger()
    await ledger.begin('first')
    ledgerWorld.pass(959_999)
    expect(await ledger.begin('second')).toMatchObject({ kind: 'running' })
    ledgerWorld.pass(1)
    expect(await ledger.begin('second')).toMatchObject({ reason: 'unknown_outcome' })
    ledgerWorld.pass(dayMs - 960_001)
    expect(await ledger.begin('second')).toMatchObject({ reason: 'unknown_outcome' })
    ledgerWorld.pass(1)
    expect(await ledger.begin('second')).toEqual({ kind: 'fresh' })
  })

  it('is told once how it ended', async () => {
    const ledger = new KeyLedger()
    await ledger.begin('first')
    await ledger.finish('first', [bytes(150)])
    expect(await ledger.finish('first', [bytes(9)])).toEqual({ state: 'stored' })
    expect(await ledger.lose('first')).toEqual({ state: 'stored' })
    expect(await ledger.abandon('first')).toEqual({ state: 'stored' })
    expect((await replayed(ledger)).answer.chunks).toHaveLength(2)
  })
})

describe('an answer that is not kept', () => {
  const reason = async (ledger: KeyLedger, key: string) => {
    const begun = await ledger.begin('again', key)
    return begun.kind === 'conflict' ? begun.reason : begun.kind
  }

  it('is one that is too large, or of a tenant that keeps none', async () => {
    const ledger = new KeyLedger()
    for (const key of ['cut', 'large', 'off', 'on']) await ledger.begin('first', key)
    expect(await ledger.finish('first', null, {}, 'cut')).toEqual({ state: 'unstored' })
    await ledger.finish('first', [bytes(600), bytes(401)], {}, 'large')
    await ledger.put({ storesAnswers: false })
    await ledger.finish('first', [bytes(5)], {}, 'off')
    await ledger.put({ storesAnswers: true })
    await ledger.finish('first', [bytes(5)], {}, 'on')
    expect(await reason(ledger, 'cut')).toBe('too_large')
    expect(await reason(ledger, 'large')).toBe('too_large')
    expect(await reason(ledger, 'off')).toBe('storage_off')
    expect(await reason(ledger, 'on')).toBe('replay')
    expect(await ledger.count('chunks')).toBe(1)
  })

  it('is one too many, until others are a day old, whoever counts', async () => {
    const ledger = new KeyLedger()
    for (const key of ['1', '2', '3']) await ledger.begin('first', key)
    await ledger.finish('first', [bytes(1000)], {}, '1')
    await ledger.evict()
    await ledger.finish('first', [bytes(501)], {}, '2')
    expect(await reason(ledger, '2')).toBe('storage_full')
    await ledger.finish('first', [bytes(500)], {}, '3')
    expect(await reason(ledger, '3')).toBe('replay')
    ledgerWorld.pass(dayMs)
    for (const key of ['1', '4'])
      expect(await ledger.begin('second', key)).toEqual({ kind: 'fresh' })
    await ledger.finish('second', [bytes(1000)], {}, '4')
    expect(await reason(ledger, '4')).toBe('replay')
    await ledger.finish('second', [bytes(1)], {}, '1')
    expect(await reason(ledger, '1')).toBe('storage_full')
  })
})

describe('old idempotency keys', () => {
  it('are forgotten by the alarm, in small slices, and free what they kept', async () => {
    limit({ sweepSlice: 3 })
    const ledger = new KeyLedger()
    for (let index = 0; index < 7; index += 1) {
      await ledger.begin('first', `k${index}`)
      await ledger.finish('first', [bytes(150)], {}, `k${index}`)
    }
    ledgerWorld.pass(30_000)
    await ledger.begin('first', 'young')
    await ledger.evict()
    await ledger.finish('first', [bytes(1)], {}, 'young')
    expect(await ledger.alarmAtMs()).toBe(beginningMs + dayMs)
    await ledger.pass(dayMs - 30_001)
    expect(await ledger.count('idempotency')).toBe(8)
    const left: number[][] = []
    for (const ms of [1, 1000, 1000, 59_999, 1]) {
      await ledger.pass(ms)
      left.push([await ledger.count('idempotency'), await ledger.count('chunks')])
    }
    // The young one is due 30 s later and waits for the next minute: an alarm for each would cost more than it frees.
    expect(left).toEqual([
      [5, 9],
      [2, 3],
      [1, 1],
      [1, 1],
      [0, 0],
    ])
    expect(await ledger.alarmAtMs()).toBeNull()
    await ledger.begin('second', 'k0')
    await ledger.finish('second', [bytes(1000)], {}, 'k0')
    expect(await replayed(ledger, 'k0')).toMatchObject({ runId: 'second' })
  })

  it('free at most so many bytes at a time', async () => {
    limit({ sweepBytes: 300, maxStoredBytes: 10_000 })
    const ledger = new KeyLedger()
    for (let index = 0; index < 5; index += 1) {
      await ledger.begin('first', `k${index}`)
      await ledger.finish('first', [bytes(150)], {}, `k${index}`)
    }
    await ledger.pass(dayMs)
    expect(await ledger.count('chunks')).toBe(6)
  })
})

describe('what a line tells of its attempt', () => {
  it('is answered with it, and lines without it stay readable', async () => {
    const ledger = new KeyLedger()
    const told = {
      reason: 'cheapest of three',
      outcome: 'answered',
      durationMs: 812.5,
      firstTokenMs: 90,
      status: 200,
    }
    const requestId = 'r'
    const full = await ledger.spend(1, { requestId, ...told })
    ledgerWorld.pass(1)
    const plain = await ledger.spend(1, { requestId })
    await ledger.spend(1, { requestId: 'other', reason: 'x'.repeat(1000), durationMs: -3 })
    await ledger.evict()
    const lines = await ledger.stub.requestLines({ requestId })
    expect(lines.map(({ attempt }) => attempt)).toEqual([full, plain])
    expect(full).toMatchObject(told)
    expect(Object.keys(plain)).toEqual(Object.keys(line(1)))
  })
})

describe('the border of idempotency', () => {
  const id = digestOf('k')
  const run = { id, runId: 'r' }
  const answer = { status: 200, headers: [], chunks: [bytes(1)] }
  const finish = (more: object) => ({ ...run, answer: { ...answer, ...more } })

  it.each([
    ['beginOnce', 'beginOnce must be an object', null],
    ['beginOnce', 'beginOnce.id must be 64 hexadecimal digits', { ...run, id: 'my-key' }],
    ['beginOnce', 'beginOnce.requestDigest must be 64', { ...run }],
    ['abandonOnce', 'abandonOnce.runId must be a text', { id }],
    ['loseOnce', 'loseOnce.id must be 64', { runId: 'r' }],
    ['finishOnce', 'finishOnce.answer must be an object', run],
    ['finishOnce', 'finishOnce.answer.status must be 100 to 599, got 99', finish({ status: 99 })],
    ['finishOnce', 'finishOnce.answer.headers must be a list', finish({ headers: {} })],
    [
      'finishOnce',
      'finishOnce.answer.headers[0] must be a name and a text',
      finish({ headers: [['a']] }),
    ],
    [
      'finishOnce',
      'finishOnce.answer.headers must be a list of at most 64, got 65',
      finish({ headers: Array.from({ length: 65 }, () => ['a', 'b']) }),
    ],
    ['finishOnce', 'finishOnce.answer.chunks must be a list', finish({ chunks: 'text' })],
    ['finishOnce', 'finishOnce.answer.chunks[0] must be bytes', finish({ chunks: ['text'] })],
  ])('refuses %s: %s', async (method, message, call) => {
    const ledger = new KeyLedger()
    await ledger.stub.freeze({ scope: 'tenant', reason: 'frozen', actor })
    const raw = ledger.raw as unknown as Record<
      string,
      (version: number, call: unknown) => Promise<unknown>
    >
    await expect((async () => raw[method]?.(rpcVersion, call))()).rejects.toThrow(message)
    expect(await ledger.count('idempotency')).toBe(0)
  })
})
