import { describe, expect, it } from 'vitest'
import { attempt } from '../../../worker/engine/attempt.ts'
import {
  chatRequest,
  chunk,
  event,
  FakeHost,
  json,
  refusing,
  streamed,
  upstreamSecret,
} from '../../support/fake-host.ts'

/** No pattern for credentials knows these words; only whoever sent the secret does. */
const quoted = `we do not know ${upstreamSecret} here`

describe('a provider that quotes the credential it was sent', () => {
  it.each([
    ['in an error status', false, refusing(400, { message: quoted })],
    ['as its code', false, refusing(400, { message: 'no', code: upstreamSecret })],
    ['in a 200', false, json({ error: { message: quoted } })],
    ['in a stream, before the first token', true, streamed(event({ error: { message: quoted } }))],
  ] as const)('does not tell it to anyone: %s', async (_where, stream, answer) => {
    const host = new FakeHost().on('openai', answer)
    const limits = { firstTokenTimeoutMs: 1000, answerTimeoutMs: 1000 }
    const target = host.target('gpt-4.1@openai')
    const result = await host.clock.run(
      attempt(chatRequest({ stream }), target, limits, false, host.ports),
    )
    expect(result.kind).toBe('failed')
    expect(JSON.stringify(result)).not.toContain(upstreamSecret)
    expect(JSON.stringify(result)).not.toContain(upstreamSecret.slice(3))
  })

  it('is still heard in what it says otherwise', async () => {
    const host = new FakeHost().on('openai', refusing(400, { message: `${chunk.name} is odd` }))
    const limits = { firstTokenTimeoutMs: 1000, answerTimeoutMs: 1000 }
    const result = await host.clock.run(
      attempt(chatRequest(), host.target('gpt-4.1@openai'), limits, false, host.ports),
    )
    expect(result.kind === 'failed' && result.failure.message).toBe('chunk is odd')
  })
})
