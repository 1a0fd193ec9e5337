import { describe, expect, it } from 'vitest'
import type { CanonicalEvent } from '../../../../worker/canonical/events.ts'
import { collect } from '../../../../worker/canonical/response.ts'
import { adapterOf } from '../../../../worker/providers/index.ts'
import { StreamDecoder } from '../../../../worker/streams/stream-decoder.ts'

const adapter = adapterOf('openai')
if (adapter === undefined) throw new Error('no adapter for OpenAI')

function decode(text: string): CanonicalEvent[] {
  const decoder = new StreamDecoder('sse', adapter!.createDecoder())
  return [...decoder.push(new TextEncoder().encode(text)), ...decoder.end()]
}

const data = (value: object) => `data: ${JSON.stringify(value)}\n\n`
const choices = [{ index: 0, delta: { content: 'Hi' }, finish_reason: 'stop' }]
const done = 'data: [DONE]\n\n'

describe('decoding a stream of the OpenAI kind', () => {
  it("takes SSE's own error event for the end, also where its data is no error object", () => {
    const plain = decode(data({ id: 'a', choices }) + 'event: error\ndata: {"message":"boom"}\n\n')
    expect(plain.at(-1)).toMatchObject({ type: 'failure', failure: { message: 'boom' } })
    const text = decode('event: error\ndata: the engine died\n\n')
    expect(text.at(-1)).toMatchObject({ type: 'failure', failure: { message: 'the engine died' } })
  })

  it('leaves a count out that was not given, and never makes it 0', () => {
    const silent = collect(decode(data({ id: 'a', choices }) + done))
    expect(silent.ok && silent.response.usage).toBeUndefined()
    const half = collect(
      decode(
        data({ id: 'a', choices, usage: { completion_tokens: 3, prompt_tokens: null } }) + done,
      ),
    )
    expect(half.ok && half.response.usage).toEqual({ outputTokens: 3 })
  })
})
