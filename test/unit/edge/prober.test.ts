import { describe, expect, it } from 'vitest'
import type { ProbeResult } from '../../../durable-objects/provider-health/composition.ts'
import { createProber } from '../../../worker/edge/health/prober.ts'
import {
  chunk,
  FakeHost,
  fakeRuntime,
  json,
  refusing,
  settings,
  silence,
  streamed,
  streamEnd,
  streaming,
  UpstreamBody,
  wholeAnswer,
  type Answer,
} from '../../support/fake-host.ts'

const target = 'gpt-4.1@openai'

async function probe(answer: Answer, name = target, host = new FakeHost()): Promise<ProbeResult> {
  const prober = createProber(() => host.ports)
  return host.clock.run(prober(name, {}))
}

describe('a probe', () => {
  it('is the smallest request there is, through the real adapter, with the real credential', async () => {
    const host = new FakeHost().on('openai', streamed(chunk('p'), streamEnd))
    await probe(silence, target, host)
    expect(host.calls).toMatchObject([
      {
        url: 'https://api.openai.com/v1/chat/completions',
        redirect: 'manual',
        body: {
          model: 'gpt-4.1',
          messages: [{ role: 'user', content: 'ping' }],
          max_completion_tokens: 1,
          stream: true,
          stream_options: { include_usage: true },
        },
      },
    ])
    expect(host.calls[0]?.headers['authorization']).toMatch(/^Bearer /)
  })

  it('of a model that thinks first leaves room for that', async () => {
    const runtime = fakeRuntime({
      ...settings,
      targets: { ...settings.targets, 'gpt-5@openai': {} },
    })
    const host = new FakeHost(runtime).on('openai', streamed(streamEnd))
    await probe(silence, 'gpt-5@openai', host)
    expect(host.calls[0]?.body).toMatchObject({ max_completion_tokens: 64 })
  })

  it('that is answered tells the time to the first token and what it cost', async () => {
    const body = new UpstreamBody()
    const host = new FakeHost().on('openai', streaming(body))
    host.clock.after(700, () => void body.push(chunk('p')))
    host.clock.after(900, () => void body.push(streamEnd).end())
    const result = await probe(silence, target, host)
    // 10 tokens in at 2 USD a million, 2 out at 8.
    expect(result).toEqual({ outcome: 'ok', ttftMs: 700, costNanoUsd: 36_000 })
  })

  it('that is cut short by its own limit is answered all the same', async () => {
    expect(await asked(streamed(streamEnd))).toMatchObject({ outcome: 'ok' })
  })

  it('that is answered whole, where a stream was asked for, is answered', async () => {
    expect(await asked(json(wholeAnswer))).toMatchObject({ outcome: 'ok', costNanoUsd: 36_000 })
  })

  it('reads its answer to the end and leaves nothing open', async () => {
    const host = new FakeHost().on('openai', streamed(chunk('p'), streamEnd))
    await probe(silence, target, host)
    expect(host.clock.pending).toBe(0)
  })

  it.each<[string, Answer, ProbeResult]>([
    [
      'a revoked key',
      refusing(401, { message: 'no', code: 'invalid_api_key' }),
      { outcome: 'auth', providerCode: 'invalid_api_key' },
    ],
    [
      'a retired model',
      refusing(404, { message: 'gone', code: 'model_not_found' }),
      { outcome: 'bad_request', targetFault: true, providerCode: 'model_not_found' },
    ],
    [
      'a rate limit',
      refusing(429, { message: 'slow', code: 'rate_limit_exceeded' }, { 'retry-after': '7' }),
      { outcome: 'rate_limited', retryAfterMs: 7000, providerCode: 'rate_limit_exceeded' },
    ],
    [
      'a spent quota',
      refusing(429, { message: 'paid?', code: 'insufficient_quota' }),
      { outcome: 'quota_exhausted', providerCode: 'insufficient_quota' },
    ],
    ['an outage', refusing(500), { outcome: 'server_error' }],
  ])('tells %s from the others', async (_name, answer, result) => {
    expect(await asked(answer)).toMatchObject(result)
  })

  it('that nobody takes is a connect failure', async () => {
    expect(await probe(silence)).toEqual({ outcome: 'connect' })
  })

  it('without a token for half a minute is a timeout', async () => {
    const host = new FakeHost().on('openai', silence)
    const beganMs = host.clock.nowMs
    expect(await probe(silence, target, host)).toEqual({ outcome: 'timeout' })
    expect(host.clock.nowMs - beganMs).toBe(30_000)
    expect(host.clock.pending).toBe(0)
  })

  it('whose answer stops in the middle is truncated, or a timeout when it does not even end', async () => {
    expect(await asked(streamed(chunk('p')))).toEqual({ outcome: 'truncated' })
    const body = new UpstreamBody().push(chunk('p'))
    expect(await asked(streaming(body))).toEqual({ outcome: 'timeout' })
  })

  it('whose connection breaks is truncated', async () => {
    const body = new UpstreamBody()
    const host = new FakeHost().on('openai', streaming(body))
    host.clock.after(10, () => void body.push(chunk('p')))
    host.clock.after(20, () => void body.break())
    expect(await probe(silence, target, host)).toEqual({ outcome: 'truncated' })
  })

  it('of an unknown target, or without its secret, is not sent', async () => {
    await expect(probe(silence, 'x@openai')).rejects.toThrow('no target')
    const withoutSecret = {
      ...settings.providers.openai,
      credential: { ...settings.providers.openai.credential, secret: 'ANOTHER_KEY' },
    }
    const runtime = fakeRuntime({
      ...settings,
      providers: { ...settings.providers, openai: withoutSecret },
    })
    const host = new FakeHost(runtime)
    await expect(probe(silence, target, host)).rejects.toThrow('ANOTHER_KEY is not set')
    expect(host.calls).toEqual([])
  })
})

function asked(answer: Answer): Promise<ProbeResult> {
  return probe(answer, target, new FakeHost().on('openai', answer))
}
