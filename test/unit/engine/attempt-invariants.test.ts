import { describe, expect, it } from 'vitest'
import { attempt, type AttemptResult } from '../../../worker/engine/attempt.ts'
import type { OpenStream } from '../../../worker/engine/open-stream.ts'
import { failureTable } from '../../../worker/canonical/failure.ts'
import {
  chatRequest,
  chunk,
  event,
  FakeHost,
  json,
  refusing,
  silence,
  streamed,
  streamEnd,
  streaming,
  UpstreamBody,
  upstreamSecret,
  wholeAnswer,
} from '../../support/fake-host.ts'

const limits = { firstTokenTimeoutMs: 3000, answerTimeoutMs: 9000 }

function ask(host: FakeHost, stream: boolean, relay = false): Promise<AttemptResult> {
  const target = host.target('gpt-4.1@openai')
  const request = chatRequest({ stream })
  return host.clock.run(attempt(request, target, limits, relay, host.ports))
}

function failureOf(result: AttemptResult) {
  if (result.kind !== 'failed') throw new Error(`not failed but ${result.kind}`)
  return result.failure
}

function streamOf(result: AttemptResult): OpenStream {
  if (result.kind !== 'stream') throw new Error(`no stream but ${JSON.stringify(result)}`)
  return result.stream
}

const role = event({
  id: 'x',
  created: 1,
  model: 'm',
  choices: [{ index: 0, delta: { role: 'assistant', content: '' } }],
})

describe('attempt() commit', () => {
  it.each([false, true])('commits at the first token and not before (relay: %s)', async (relay) => {
    const body = new UpstreamBody().push(': ping\n\n').push(role)
    const host = new FakeHost().on('openai', streaming(body))
    let result: AttemptResult | undefined
    const work = attempt(
      chatRequest({ stream: true }),
      host.target('gpt-4.1@openai'),
      limits,
      relay,
      host.ports,
    )
    void work.then((made) => (result = made))
    await host.clock.settle()
    expect(result).toBeUndefined()
    body.push(chunk('Hello'))
    await host.clock.settle()
    if (result === undefined) throw new Error('not committed')
    const { events } = streamOf(result)
    expect(events).toMatchObject([
      { type: 'start', id: 'x' },
      { type: 'text', text: 'Hello' },
    ])
  })

  it.each([false, true])('hides what fails before the first token (relay: %s)', async (relay) => {
    const error = event({ error: { message: 'overloaded', code: 503 } })
    for (const pieces of [
      [role, error],
      [role],
      [role, 'data: [DONE]\n\n'],
      ['data: {"choic'],
      [],
    ]) {
      const host = new FakeHost().on('openai', streamed(...pieces))
      const result = await ask(host, true, relay)
      // An answer without any text that ended properly is an answer.
      const whole = pieces.at(-1) === 'data: [DONE]\n\n'
      expect(result.kind).toBe(whole ? 'stream' : 'failed')
    }
  })

  it.each([false, true])(
    'is truncated when the connection breaks before it (relay: %s)',
    async (relay) => {
      const body = new UpstreamBody().push(role)
      const host = new FakeHost().on('openai', streaming(body))
      const work = attempt(
        chatRequest({ stream: true }),
        host.target('gpt-4.1@openai'),
        limits,
        relay,
        host.ports,
      )
      await host.clock.settle()
      body.break()
      expect(failureOf(await host.clock.run(work)).class).toBe('truncated')
    },
  )

  it('keeps a failure that comes with the first token for after the commit', async () => {
    const error = event({ error: { message: 'overloaded', code: 503 } })
    const host = new FakeHost().on('openai', streamed(chunk('Hel') + error))
    const { events } = streamOf(await ask(host, true))
    expect(events.map(({ type }) => type)).toEqual(['start', 'text', 'failure'])
  })
})

describe('attempt() limits', () => {
  it('gives a silent stream up after the first-token limit, and stops the call', async () => {
    for (const answer of [silence, streaming(new UpstreamBody().push(role))]) {
      const host = new FakeHost().on('openai', answer)
      const startMs = host.clock.nowMs
      expect(failureOf(await ask(host, true)).class).toBe('timeout')
      expect(host.clock.nowMs - startMs).toBe(limits.firstTokenTimeoutMs)
      expect(host.calls[0]?.signal.aborted).toBe(true)
      expect(host.clock.pending).toBe(0)
    }
  })

  it('gives a slow whole answer up after its own limit', async () => {
    const host = new FakeHost().on('openai', streaming(new UpstreamBody().push('{"id":')))
    const startMs = host.clock.nowMs
    expect(failureOf(await ask(host, false)).class).toBe('timeout')
    expect(host.clock.nowMs - startMs).toBe(limits.answerTimeoutMs)
  })

  it('disarms its limit at the first token: a long answer is not killed by it', async () => {
    const body = new UpstreamBody().push(chunk('Hello'))
    const host = new FakeHost().on('openai', streaming(body))
    const { control } = streamOf(await ask(host, true))
    await host.clock.advance(60_000)
    expect(control.signal.aborted).toBe(false)
    expect(host.clock.pending).toBe(0)
  })

  it('stops the call as soon as the client has gone', async () => {
    const host = new FakeHost().on('openai', silence)
    const work = attempt(chatRequest(), host.target('gpt-4.1@openai'), limits, false, host.ports)
    await host.clock.settle()
    host.leave()
    expect(failureOf(await host.clock.run(work)).class).toBe('cancelled')
    expect(host.calls[0]?.signal.aborted).toBe(true)
  })

  it('stops the call after any failure, so that nothing goes on sending', async () => {
    for (const answer of [refusing(500), json([1]), json({ ...wholeAnswer, choices: [] })]) {
      const host = new FakeHost().on('openai', answer)
      expect((await ask(host, false)).kind).toBe('failed')
      expect(host.calls[0]?.signal.aborted).toBe(true)
    }
  })

  it('refuses an answer over its size limit, said or shown', async () => {
    const { maxAnswerBytes } = new FakeHost().ports.runtime.config.limits
    const declared = new FakeHost().on('openai', () => {
      const headers = { 'content-length': String(maxAnswerBytes + 1) }
      return new Response(JSON.stringify(wholeAnswer), { headers })
    })
    expect(failureOf(await ask(declared, false)).class).toBe('malformed')
    const shown = new FakeHost().on('openai', streamed('{"a":"', 'x'.repeat(maxAnswerBytes), '"}'))
    expect(failureOf(await ask(shown, false)).class).toBe('malformed')
  })

  it.each([false, true])(
    'gives up a stream that brings a MiB and no token (relay: %s)',
    async (relay) => {
      const heartbeats = `: ${'x'.repeat(65_532)}\n\n`
      const noToken = [': ping\n\n'.repeat(8192), role.repeat(500), heartbeats]
      for (const piece of noToken) {
        const body = new UpstreamBody()
        const host = new FakeHost().on('openai', streaming(body))
        for (let sent = 0; sent <= 1_048_576; sent += piece.length) body.push(piece)
        const { class: failed, message } = failureOf(await ask(host, true, relay))
        expect(failed).toBe('malformed')
        expect(message).toContain('1048576 bytes before its first token')
        expect(host.calls[0]?.signal.aborted).toBe(true)
      }
    },
  )

  it.each([false, true])(
    'waits for a token behind as much, and for one that is larger (relay: %s)',
    async (relay) => {
      const early = new FakeHost().on('openai', streamed(': ping\n\n'.repeat(100_000), chunk('Hi')))
      expect((await ask(early, true, relay)).kind).toBe('stream')
      const picture = chunk('x'.repeat(4_000_000)).match(/[^]{1,100000}/g) ?? []
      const large = new FakeHost().on('openai', streamed(...picture, streamEnd))
      expect((await ask(large, true, relay)).kind).toBe('stream')
    },
  )

  it('tells nobody to wait for longer than a day', async () => {
    const headers = { 'retry-after': '99999999999999980000' }
    const host = new FakeHost().on('openai', refusing(429, { message: 'later' }, headers))
    expect(failureOf(await ask(host, false)).retryAfterMs).toBe(86_400_000)
    const day = new FakeHost().on(
      'openai',
      refusing(429, { message: 'later' }, { 'retry-after': '60' }),
    )
    expect(failureOf(await ask(day, false)).retryAfterMs).toBe(60_000)
  })

  it('takes a whole answer without a message for none', async () => {
    const [choice] = wholeAnswer.choices
    const hollow = { index: 0, finish_reason: 'stop' }
    for (const choices of [
      [hollow],
      [choice, { ...hollow, index: 1 }],
      [{ ...hollow, message: null }],
    ]) {
      const host = new FakeHost().on('openai', json({ ...wholeAnswer, choices }))
      expect(failureOf(await ask(host, false)).class).toBe('malformed')
    }
    const filtered = [{ index: 0, finish_reason: 'content_filter' }]
    const host = new FakeHost().on('openai', json({ ...wholeAnswer, choices: filtered }))
    expect((await ask(host, false)).kind).toBe('whole')
  })

  it('reads of an error no more than 64 KiB', async () => {
    const body = new UpstreamBody()
    const host = new FakeHost().on('openai', () => {
      for (let piece = 0; piece < 3; piece++) body.push('x'.repeat(32_768))
      return new Response(body.stream, { status: 500 })
    })
    expect(failureOf(await ask(host, false)).class).toBe('server_error')
    expect(body.cancelled).toBe(true)
  })
})

describe('attempt() answers that are none', () => {
  it('takes an error in a 200 for a failure, streamed or not', async () => {
    for (const stream of [false, true]) {
      const host = new FakeHost()
      host.on('openai', json({ error: { message: 'overloaded', type: 'overloaded_error' } }))
      expect(failureOf(await ask(host, stream))).toMatchObject({ message: 'overloaded' })
    }
  })

  it('takes what is no JSON object, or holds no answer, for malformed', async () => {
    for (const text of ['', '<html>', '"x"', '12', 'null', '{}', '[]'])
      expect(
        failureOf(
          await ask(
            new FakeHost().on('openai', () => new Response(text)),
            false,
          ),
        ).class,
      ).toBe('malformed')
  })

  it('passes a whole answer to a streamed request on as a stream', async () => {
    const host = new FakeHost().on('openai', json(wholeAnswer))
    const { events, source } = streamOf(await ask(host, true))
    expect(events.at(-1)?.type).toBe('finish')
    expect(source.kind).toBe('translate')
  })

  it('takes a redirect for a failure and follows it nowhere', async () => {
    const elsewhere = () =>
      new Response(null, { status: 307, headers: { location: 'https://evil.example/' } })
    const host = new FakeHost().on('openai', elsewhere)
    const failure = failureOf(await ask(host, false))
    expect(failure.class).toBe('server_error')
    expect(host.calls.map(({ redirect }) => redirect)).toEqual(['manual'])
    expect(failureTable[failure.class].fallback).toBe('yes')
  })

  it('reads retry-after as a date by its own clock', async () => {
    const host = new FakeHost()
    const until = new Date(host.clock.nowMs + 42_000).toUTCString()
    host.on('openai', refusing(429, { message: 'slow' }, { 'retry-after': until }))
    expect(failureOf(await ask(host, false)).retryAfterMs).toBe(42_000)
    const past = new FakeHost()
    past.on(
      'openai',
      refusing(429, { message: 'slow' }, { 'retry-after': new Date(0).toUTCString() }),
    )
    expect(failureOf(await ask(past, false)).retryAfterMs).toBe(0)
  })
})

describe('attempt() calls', () => {
  it('sends headers of its own only, and the key to its host only', async () => {
    const host = new FakeHost().on('openai', json(wholeAnswer))
    await ask(host, false)
    const [call] = host.calls
    expect(call?.url).toBe('https://api.openai.com/v1/chat/completions')
    expect(call?.headers).toEqual({
      'content-type': 'application/json',
      accept: 'application/json',
      'user-agent': 'switchyard',
      authorization: `Bearer ${upstreamSecret}`,
    })
  })

  it('hands the bytes on that it has read: a relay begins at the beginning', async () => {
    const host = new FakeHost().on('openai', streamed(role, chunk('Hello'), streamEnd))
    const { source } = streamOf(await ask(host, true, true))
    if (source.kind !== 'relay') throw new Error('no relay')
    expect(await new Response(source.client).text()).toBe(role + chunk('Hello') + streamEnd)
  })
})
