import { describe, expect, it } from 'vitest'
import { anthropicMessages } from '../../../worker/dialects/anthropic-messages/index.ts'
import type { Dialect } from '../../../worker/dialects/dialect.ts'
import { openAiChat } from '../../../worker/dialects/openai-chat/index.ts'
import { attempt } from '../../../worker/engine/attempt.ts'
import type { CarryContext, CarryEnding } from '../../../worker/engine/carry.ts'
import { carryRelayed } from '../../../worker/engine/carry-relay.ts'
import { carryTranslated } from '../../../worker/engine/carry-translate.ts'
import {
  type Answer,
  chatRequest,
  chunk,
  event,
  FakeHost,
  streamed,
  streamEnd,
  streaming,
  UpstreamBody,
} from '../../support/fake-host.ts'

/** How a client of OpenAI's dialect sees a stream end. */
function endingsOf(text: string): string[] {
  return text
    .split('\n\n')
    .flatMap((event) =>
      event === 'data: [DONE]' ? ['mark'] : event.startsWith('data: {"error":') ? ['error'] : [],
    )
}

type Way = 'relay' | 'translate'
const ways: readonly Way[] = ['relay', 'translate']

/** A stream on its way: what the client has read so far, and how it ended. */
class Carried {
  text = ''
  ending: CarryEnding | undefined
  readonly host: FakeHost
  readonly work: Promise<CarryEnding>
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>

  constructor(host: FakeHost, work: Promise<CarryEnding>, readable: ReadableStream<Uint8Array>) {
    this.host = host
    this.work = work
    this.#reader = readable.getReader()
    void work.then((ending) => (this.ending = ending))
  }

  /** The client reads for as long as anything comes. */
  async read(): Promise<void> {
    const decoder = new TextDecoder()
    try {
      for (;;) {
        const { done, value } = await this.#reader.read()
        if (done) return
        this.text += decoder.decode(value, { stream: true })
      }
    } catch {
      this.text += '[broken]'
    }
  }

  /** The client hangs up. */
  async leave(): Promise<void> {
    await this.#reader.cancel().catch(() => undefined)
    this.host.leave()
  }
}

async function carried(
  way: Way,
  answer: Answer,
  more: Partial<CarryContext> = {},
  dialect: Dialect = openAiChat,
): Promise<Carried> {
  const host = new FakeHost().on('openai', answer)
  const target = host.target('gpt-4.1@openai')
  const limits = { firstTokenTimeoutMs: 30_000, answerTimeoutMs: 30_000 }
  const result = await host.clock.run(
    attempt(chatRequest({ stream: true }), target, limits, way === 'relay', host.ports),
  )
  if (result.kind !== 'stream') throw new Error('no stream')
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const context: CarryContext = {
    dialect,
    render: {
      requestId: 'req_1',
      model: 'm',
      nowS: 1,
      includeUsage: true,
      includeCost: false,
      costUsd: () => 0.000123,
    },
    idleTimeoutMs: 4000,
    heartbeatAfterMs: 1500,
    deadlineAtMs: host.clock.nowMs + 60_000,
    check: null,
    continuation: null,
    ports: host.ports,
    ...more,
  }
  const { source } = result.stream
  const work =
    source.kind === 'relay'
      ? carryRelayed(result.stream, source, writable, context)
      : carryTranslated(result.stream, source.reader, writable.getWriter(), context)
  return new Carried(host, work, readable)
}

async function finished(way: Way, answer: Answer, more: Partial<CarryContext> = {}) {
  const stream = await carried(way, answer, more)
  const reading = stream.read()
  const ending = await stream.host.clock.run(stream.work)
  await reading
  return { text: stream.text, ending, host: stream.host }
}

const usage = { inputTokens: 10, outputTokens: 2, totalTokens: 12 }

describe.each(ways)('carrying a stream (%s)', (way) => {
  it('brings every text once and in order, the end mark, and the cost behind it', async () => {
    const words = Array.from({ length: 300 }, (_, index) => ` word${index}`)
    const { text, ending } = await finished(way, streamed(...words.map(chunk), streamEnd))
    expect(textsIn(text)).toEqual(words)
    expect(text.split('data: [DONE]')).toHaveLength(2)
    expect(text.endsWith('data: [DONE]\n\n: cost-usd 0.000123\n\n')).toBe(true)
    expect(ending).toMatchObject({ kind: 'finished', usage })
    expect(ending.choices).toEqual([{ choice: 0, reason: 'stop' }])
  })

  it('settles with the usage that stands behind a long answer', async () => {
    const long = chunk('x'.repeat(40_000))
    const { ending } = await finished(way, streamed(chunk('a'), long, chunk('b'), streamEnd))
    expect(ending).toMatchObject({ kind: 'finished', usage })
  })

  it.each([
    ['cut after an event', [chunk('Hel')]],
    ['cut inside an event', [chunk('Hel'), chunk('lo').slice(0, 30)]],
    ['cut after the finish, without its end mark', [chunk('Hel'), streamEnd.slice(0, -16)]],
    ['malformed', [chunk('Hel'), 'data: {"choices":\n\n']],
  ])('tells a stream that is %s, and never writes an end mark', async (_name, pieces) => {
    const { text, ending } = await finished(way, streamed(...pieces))
    expect(ending.kind).toBe('failed')
    expect(text).not.toContain('[DONE]')
    expect(errorsIn(text)).toEqual(['upstream_interrupted'])
    expect(text).not.toContain('cost-usd')
  })

  it('tells an error of the provider in mid-stream once', async () => {
    const error = event({ error: { message: 'overloaded', code: 503 } })
    const { text, ending } = await finished(way, streamed(chunk('Hel'), error))
    expect(ending.kind).toBe('failed')
    expect(text).not.toContain('[DONE]')
    expect(text.split('"error":{')).toHaveLength(2)
  })

  it('tells a connection that broke', async () => {
    const body = new UpstreamBody().push(chunk('Hel'))
    const stream = await carried(way, streaming(body))
    const reading = stream.read()
    await stream.host.clock.settle()
    body.break()
    const ending = await stream.host.clock.run(stream.work)
    await reading
    expect(ending.kind).toBe('failed')
    expect(errorsIn(stream.text)).toEqual(['upstream_interrupted'])
  })

  it('gives up a provider that falls silent, within the limit and a look', async () => {
    const stream = await carried(way, streaming(new UpstreamBody().push(chunk('Hel'))))
    const startMs = stream.host.clock.nowMs
    const reading = stream.read()
    const ending = await stream.host.clock.run(stream.work)
    await reading
    expect(ending.failure?.class).toBe('timeout')
    expect(errorsIn(stream.text)).toEqual(['upstream_timeout'])
    expect(stream.host.clock.nowMs - startMs).toBeLessThanOrEqual(6000)
    expect(stream.host.calls[0]?.signal.aborted).toBe(true)
  })

  it('ends at the deadline of the request, however busy the stream is', async () => {
    const body = new UpstreamBody().push(chunk('0'))
    const deadlineAtMs = new FakeHost().clock.nowMs + 10_000
    const stream = await carried(way, streaming(body), { deadlineAtMs })
    const reading = stream.read()
    for (let second = 1; second < 15; second++) {
      await stream.host.clock.advance(1000)
      body.push(chunk(String(second)))
    }
    const ending = await stream.host.clock.run(stream.work)
    await reading
    expect(ending.failure?.class).toBe('timeout')
    expect(textsIn(stream.text)).toHaveLength(10)
    expect(errorsIn(stream.text)).toEqual(['upstream_timeout'])
  })

  it('stops the call when the client leaves', async () => {
    const stream = await carried(way, streaming(new UpstreamBody().push(chunk('Hel'))))
    await stream.host.clock.settle()
    await stream.leave()
    const ending = await stream.host.clock.run(stream.work)
    expect(ending.kind).toBe('client_gone')
    expect(stream.host.calls[0]?.signal.aborted).toBe(true)
  })

  it('leaves no timer behind, whatever the ending', async () => {
    for (const pieces of [[chunk('a'), streamEnd], [chunk('a')], [chunk('a'), 'data: {\n\n']]) {
      const { host } = await finished(way, streamed(...pieces))
      await host.clock.advance(2000)
      expect(host.clock.pending).toBe(0)
    }
  })
})

describe('carryTranslated()', () => {
  it('sends heartbeats while the model is silent, and none while it speaks', async () => {
    const body = new UpstreamBody().push(chunk('a'))
    const stream = await carried('translate', streaming(body))
    const reading = stream.read()
    await stream.host.clock.advance(1400)
    expect(stream.text).not.toContain(openAiChat.heartbeat)
    await stream.host.clock.advance(1700)
    expect(stream.text.split(openAiChat.heartbeat)).toHaveLength(3)
    body.push(chunk('b') + streamEnd).end()
    await stream.host.clock.run(stream.work)
    await reading
    expect(textsIn(stream.text)).toEqual(['a', 'b'])
  })

  it('sends none to a stream that is slow and not silent', async () => {
    const body = new UpstreamBody().push(chunk('0'))
    const stream = await carried('translate', streaming(body))
    const reading = stream.read()
    for (let second = 1; second <= 10; second++) {
      await stream.host.clock.advance(1000)
      body.push(chunk(String(second)))
    }
    body.push(streamEnd).end()
    await stream.host.clock.run(stream.work)
    await reading
    expect(textsIn(stream.text)).toHaveLength(11)
    expect(stream.text).not.toContain(openAiChat.heartbeat)
  })

  it('speaks the dialect of the client to its end', async () => {
    const stream = await carried(
      'translate',
      streamed(chunk('a'), streamEnd),
      {},
      anthropicMessages,
    )
    const reading = stream.read()
    await stream.host.clock.run(stream.work)
    await reading
    expect(stream.text).toContain('"text":"a"')
    expect(stream.text.split('event: message_stop')).toHaveLength(2)
  })

  it('counts what comes in the moment in which the client leaves', async () => {
    const body = new UpstreamBody().push(chunk('a'))
    const stream = await carried('translate', streaming(body))
    const reading = stream.read()
    await stream.host.clock.settle()
    body.push(chunk('bbb'))
    stream.host.leave()
    const ending = await stream.host.clock.run(stream.work)
    await reading
    expect(ending).toMatchObject({ kind: 'client_gone', receivedBytes: 4 })
  })

  it('does not take a client that reads slowly for a provider that is silent', async () => {
    const stream = await carried('translate', streamed(chunk('a'), chunk('b'), streamEnd))
    await stream.host.clock.advance(20_000)
    expect(stream.ending).toBeUndefined()
    const reading = stream.read()
    const ending = await stream.host.clock.run(stream.work)
    await reading
    expect(ending.kind).toBe('finished')
  })
})

describe('carryRelayed()', () => {
  it('changes no byte of the provider', async () => {
    const bytes = `: a comment\r\n\r\n${chunk('Grüße 🚲').replaceAll('\n', '\r\n')}${streamEnd}`
    const { text } = await finished('relay', streamed(bytes))
    expect(text.slice(0, bytes.length)).toBe(bytes)
    expect(text.slice(bytes.length)).toMatch(/^\n*: cost-usd 0\.000123\n\n$/)
  })

  it('begins a new event for its error when the last one was cut in two', async () => {
    const { text } = await finished('relay', streamed(chunk('Hel'), 'data: {"id":"chat'))
    expect(text.slice(chunk('Hel').length)).toMatch(/^data: \{"id":"chat\n\ndata: \{"error":/)
  })

  const broken = 'data: {"choices":[{"index":0,"del\n\n'
  const long = Array.from({ length: 40 }, () => chunk('x'.repeat(4000)))

  it.each([
    ['all of it came at once', [chunk('a') + broken + streamEnd]],
    ['it came bit by bit', [chunk('a'), broken, chunk('b'), streamEnd]],
    ['the end came with it', [chunk('a'), broken + streamEnd]],
    ['the broken event is the finish', [chunk('a'), broken, streamEnd.split(/(?<=\n\n)/)[2] ?? '']],
    ['the stream is long', [chunk('a'), broken, ...long, streamEnd]],
    ['the broken event is let go', [chunk('a'), ...long, broken, ...long, streamEnd]],
  ])('gives a stream one ending behind a broken event: %s', async (_name, pieces) => {
    const { text, ending } = await finished('relay', streamed(...pieces))
    expect(ending).toMatchObject({ kind: 'failed', failure: { class: 'malformed' } })
    expect(endingsOf(text)).toHaveLength(1)
    expect(text).toMatch(/(?:data: \[DONE\]|"code":"upstream_interrupted"\}\})\n\n$/)
  })

  it('passes nothing of a stream that broke within its first read, and its end mark least of all', async () => {
    const { text } = await finished('relay', streamed(chunk('a') + broken + streamEnd))
    expect(text).not.toContain(broken)
    expect(text).toContain('"content":"a"')
    expect(endingsOf(text)).toEqual(['error'])
  })

  it('has no second ending for an end mark that went out with the broken event', async () => {
    const pieces = [chunk('a'), broken + streamEnd]
    const { text, tookMs } = await slowly(...pieces)
    expect(text).toBe(pieces.join(''))
    expect(tookMs).toBeLessThanOrEqual(2500)
  })

  /** What a relay passes of pieces that come seconds apart, from a provider that never hangs up. */
  async function slowly(...pieces: readonly string[]) {
    const body = new UpstreamBody().push(pieces[0] ?? '')
    const stream = await carried('relay', streaming(body), { idleTimeoutMs: 20_000 })
    const reading = stream.read()
    for (const piece of pieces.slice(1)) {
      await stream.host.clock.advance(2500)
      body.push(piece)
    }
    const fromMs = stream.host.clock.nowMs
    const ending = await stream.host.clock.run(stream.work)
    await reading
    const isStopped = stream.host.calls[0]?.signal.aborted
    return { text: stream.text, ending, isStopped, tookMs: stream.host.clock.nowMs - fromMs }
  }

  it('stops at a broken event, with our error and without the end mark', async () => {
    const more = Array.from({ length: 10 }, () => chunk('b'))
    const { text, ending, isStopped } = await slowly(chunk('a'), broken, ...more, streamEnd)
    expect(text.startsWith(chunk('a') + broken)).toBe(true)
    expect(text).not.toContain('"content":"b"')
    expect(endingsOf(text)).toEqual(['error'])
    expect(text).toContain('"code":"upstream_interrupted"')
    expect(ending).toMatchObject({ kind: 'failed', failure: { class: 'malformed' } })
    expect(isStopped).toBe(true)
  })

  it.each([
    ['alone', 'data: {"error":{"message":"boom","type":"server_error"}}\n\n'],
    ['by its name', 'event: error\ndata: {"message":"boom"}\n\n'],
    ['in a chunk', 'data: {"id":"1","choices":[],"error":{"message":"boom"}}\n\n'],
  ])('passes nothing behind an error event of the provider: %s', async (_name, error) => {
    const { text, ending, isStopped } = await slowly(chunk('a'), error, 'data: [DONE]\n\n')
    expect(text).toBe(chunk('a') + error)
    expect(ending).toMatchObject({ kind: 'failed', failure: { class: 'server_error' } })
    expect(isStopped).toBe(true)
  })

  it('knows the error of a long stream whose provider went on behind it', async () => {
    const error = 'data: {"error":{"message":"boom","type":"overloaded_error"}}\n\n'
    const behind = chunk('y'.repeat(200)).repeat(200)
    const body = new UpstreamBody().push(chunk('a'))
    const stream = await carried('relay', streaming(body))
    const reading = stream.read()
    // In the first bytes of what is read at once, of which the beginning may be the end of another event.
    for (const piece of [long.join(''), error + behind]) {
      body.push(piece)
      await stream.host.clock.advance(1000)
    }
    const ending = await stream.host.clock.run(stream.work)
    await reading
    expect(ending).toMatchObject({ kind: 'failed', failure: { class: 'overloaded' } })
  })

  it('takes no word about an error for one', async () => {
    const words = [
      chunk('"error"'),
      chunk('error').replace('"content":', '"error":null,"content":'),
      chunk('c').replace('"choices"', '"error":null,"choices"'),
      chunk('message_stop [DONE]'),
    ]
    const { text, ending } = await slowly(chunk('a'), ...words, streamEnd)
    expect(ending).toMatchObject({ kind: 'finished', usage })
    expect(text.startsWith([chunk('a'), ...words, streamEnd].join(''))).toBe(true)
  })

  it.each([
    ['that came at once', [chunk('a') + streamEnd]],
    ['that took its time', [chunk('a'), chunk('b'), streamEnd]],
  ])(
    'closes behind the end mark of a stream %s, whether the provider hangs up or not',
    async (_name, pieces) => {
      const { text, ending, tookMs, isStopped } = await slowly(...pieces)
      expect(ending).toMatchObject({ kind: 'finished', usage })
      expect(text.replace('\n\n\n\n', '\n\n')).toBe(`${pieces.join('')}: cost-usd 0.000123\n\n`)
      expect(tookMs).toBeLessThanOrEqual(2500)
      expect(isStopped).toBe(true)
    },
  )

  it('passes no chunk that comes seconds behind the end mark', async () => {
    const { text } = await slowly(chunk('a'), streamEnd, chunk('late'), chunk('later'))
    expect(text).toBe(`${chunk('a')}${streamEnd}: cost-usd 0.000123\n\n`)
  })

  it('takes no odd event in the middle of a long stream for a broken one', async () => {
    const odd = [
      ': a comment\n\n',
      'event: ping\n\n',
      'data:\n\n',
      'data: "a text"\n\n',
      'data: {"id":"1",\ndata: "choices":[]}\n\n',
      chunk('b').replaceAll('\n', '\r\n'),
    ]
    const { text, ending } = await finished(
      'relay',
      streamed(chunk('a'), ...long, ...odd, ...long, streamEnd),
    )
    expect(ending).toMatchObject({ kind: 'finished', usage })
    expect(text.endsWith(': cost-usd 0.000123\n\n')).toBe(true)
  })

  it('reads on with the rest of an event whose beginning was read before the pipe began', async () => {
    const halves = [chunk('a') + chunk('b').slice(0, 30), chunk('b').slice(30)]
    const body = new UpstreamBody().push(halves[0] ?? '')
    const stream = await carried('relay', streaming(body))
    const reading = stream.read()
    for (const piece of [halves[1] ?? '', ...long, streamEnd]) body.push(piece)
    body.end()
    const ending = await stream.host.clock.run(stream.work)
    await reading
    expect(ending).toMatchObject({ kind: 'finished', usage })
  })

  it('keeps a stall behind an end mark for itself', async () => {
    const body = new UpstreamBody().push(chunk('a'))
    const stream = await carried('relay', streaming(body), { idleTimeoutMs: 0 })
    const reading = stream.read()
    body.push(broken + streamEnd)
    const ending = await stream.host.clock.run(stream.work)
    await reading
    expect(stream.text.endsWith('data: [DONE]\n\n')).toBe(true)
    expect(ending.failure?.class).toBe('malformed')
  })

  it('counts on when the middle of the stream was let go', async () => {
    const parts = Array.from({ length: 40 }, () => chunk('x'.repeat(4000)))
    const { ending } = await finished('relay', streamed(chunk('a'), ...parts, streamEnd))
    expect(ending).toMatchObject({ kind: 'finished', usage })
    const cut = await finished('relay', streamed(chunk('a'), ...parts))
    expect(cut.ending.kind).toBe('failed')
  })

  it('counts an end that comes in pieces, seconds apart, behind a long answer', async () => {
    const body = new UpstreamBody().push(chunk('a'))
    const stream = await carried('relay', streaming(body))
    const reading = stream.read()
    for (const piece of [chunk('x'.repeat(40_000)), ...streamEnd.split(/(?<=\n\n)/)]) {
      body.push(piece)
      await stream.host.clock.advance(2500)
    }
    body.end()
    const ending = await stream.host.clock.run(stream.work)
    await reading
    expect(ending).toMatchObject({ kind: 'finished', usage })
    expect(ending.choices).toEqual([{ choice: 0, reason: 'stop' }])
  })

  it('writes no cost behind a stream whose end the client did not get', async () => {
    const body = new UpstreamBody().push(chunk('a') + streamEnd)
    const stream = await carried('relay', streaming(body))
    const reading = stream.read()
    await stream.host.clock.settle()
    body.break()
    const ending = await stream.host.clock.run(stream.work)
    await reading
    expect(ending.kind).toBe('finished')
    expect(stream.text).not.toContain('[broken]')
  })
})

function messagesIn(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('data: {'))
    .flatMap((line) => {
      try {
        return [JSON.parse(line.slice(6)) as Record<string, unknown>]
      } catch {
        return []
      }
    })
}

function textsIn(text: string): string[] {
  return messagesIn(text)
    .map((message) => (message['choices'] as { delta?: { content?: string } }[] | undefined)?.[0])
    .flatMap((choice) => choice?.delta?.content ?? [])
    .filter((content) => content !== '')
}

/** The codes of our own error events. */
function errorsIn(text: string): string[] {
  return messagesIn(text).flatMap(({ error }) => {
    const code = (error as { code?: unknown } | undefined)?.code
    return typeof code === 'string' ? [code] : []
  })
}
