import { describe, expect, it } from 'vitest'
import { openAiChat } from '../../../worker/dialects/openai-chat/index.ts'
import { attempt } from '../../../worker/engine/attempt.ts'
import type { CarryContext, CarryEnding } from '../../../worker/engine/carry.ts'
import { carryRelayed } from '../../../worker/engine/carry-relay.ts'
import { carryTranslated } from '../../../worker/engine/carry-translate.ts'
import {
  type Answer,
  chatRequest,
  chunk,
  FakeHost,
  streamed,
  streamEnd,
  streaming,
  UpstreamBody,
} from '../../support/fake-host.ts'

/** Clients that stop reading and stay. As in workerd, giving a response up fails the write that waits for them. */

const deadlineMs = 10_000
/** What the last words may take, ms. */
const wordsMs = 250

/** Takes so many writes, and then none: the next one waits, or fails at once. */
function client(takes: number, then: 'waits' | 'fails'): WritableStream<Uint8Array> {
  let taken = 0
  return new WritableStream<Uint8Array>({
    write: (_bytes, { signal }) => {
      taken += 1
      if (taken <= takes) return undefined
      if (then === 'fails') throw new Error('nobody is there')
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('given up')))
      })
    },
  })
}

interface Told {
  readonly ending: CarryEnding
  readonly tookMs: number
  readonly host: FakeHost
}

async function carried(
  way: 'relay' | 'translate',
  answer: Answer,
  writable: WritableStream<Uint8Array>,
  leave?: (host: FakeHost) => void,
): Promise<Told> {
  const host = new FakeHost().on('openai', answer)
  const target = host.target('gpt-4.1@openai')
  const limits = { firstTokenTimeoutMs: 30_000, answerTimeoutMs: 30_000 }
  const result = await host.clock.run(
    attempt(chatRequest({ stream: true }), target, limits, way === 'relay', host.ports),
  )
  if (result.kind !== 'stream') throw new Error('no stream')
  const startMs = host.clock.nowMs
  const context: CarryContext = {
    dialect: openAiChat,
    render: {
      requestId: 'req_1',
      model: 'm',
      nowS: 1,
      includeUsage: true,
      includeCost: false,
      costUsd: () => 0.000123,
    },
    idleTimeoutMs: 4000,
    heartbeatAfterMs: 60_000,
    deadlineAtMs: startMs + deadlineMs,
    check: null,
    continuation: null,
    ports: host.ports,
  }
  const { source } = result.stream
  const work =
    source.kind === 'relay'
      ? carryRelayed(result.stream, source, writable, context)
      : carryTranslated(result.stream, source.reader, writable.getWriter(), context)
  if (leave !== undefined) {
    await host.clock.settle()
    leave(host)
  }
  const ending = await host.clock.run(work)
  return { ending, tookMs: host.clock.nowMs - startMs, host }
}

const busy = () => streamed(chunk('a'), ...Array.from({ length: 50 }, () => chunk('more')))

describe('carryTranslated() and a client that does not read', () => {
  it('ends at the deadline as a timeout, and stops the call', async () => {
    const { ending, tookMs, host } = await carried('translate', busy(), client(1, 'waits'))
    expect(ending).toMatchObject({ kind: 'failed', failure: { class: 'timeout' } })
    expect(ending.failure?.message).toContain('deadline')
    expect(tookMs).toBe(deadlineMs + wordsMs)
    expect(host.calls[0]?.signal.aborted).toBe(true)
    expect(host.clock.pending).toBe(0)
  })

  it('keeps what the provider has counted, when only the last write was not taken', async () => {
    const { ending } = await carried(
      'translate',
      streamed(chunk('a'), streamEnd),
      client(1, 'waits'),
    )
    expect(ending).toMatchObject({ kind: 'failed', usage: { inputTokens: 10, outputTokens: 2 } })
  })

  it('says what broke before, and not the deadline at which that could not be told', async () => {
    const silent = streaming(new UpstreamBody().push(chunk('a')))
    const { ending, tookMs } = await carried('translate', silent, client(1, 'waits'))
    expect(ending.failure?.message).toContain('stopped sending')
    expect(tookMs).toBe(deadlineMs + wordsMs)
  })

  it('is a client that has gone when it leaves before', async () => {
    const leave = (host: FakeHost) => host.leave()
    const { ending } = await carried('translate', busy(), client(1, 'waits'), leave)
    expect(ending.kind).toBe('client_gone')
  })

  it('is a client that has gone when a write fails', async () => {
    const { ending } = await carried('translate', busy(), client(1, 'fails'))
    expect(ending.kind).toBe('client_gone')
  })
})

describe('carryRelayed() and a client that does not read', () => {
  it('gives the last words up after the deadline, and says what broke', async () => {
    const { ending, tookMs, host } = await carried(
      'relay',
      streamed(chunk('a')),
      client(1, 'waits'),
    )
    expect(ending).toMatchObject({ kind: 'failed', failure: { class: 'truncated' } })
    expect(tookMs).toBe(deadlineMs + wordsMs)
    expect(host.clock.pending).toBe(0)
  })

  it('says which limit has stopped the call also when nobody takes the error', async () => {
    const silent = streaming(new UpstreamBody().push(chunk('a')))
    const { ending } = await carried('relay', silent, client(1, 'fails'))
    expect(ending).toMatchObject({ kind: 'failed', failure: { class: 'timeout' } })
  })

  it('is a client that has gone when the provider broke and a write fails', async () => {
    const { ending } = await carried('relay', streamed(chunk('a')), client(1, 'fails'))
    expect(ending.kind).toBe('client_gone')
  })
})
