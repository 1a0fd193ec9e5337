import { describe, expect, it } from 'vitest'
import {
  anthropicMessages,
  parseCountTokens,
} from '../../../../worker/dialects/anthropic-messages/index.ts'

const body = { model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'x' }] }

/** Bodies of `@anthropic-ai/sdk` 1.11.0: the first turn of a tool runner, a later one, one that resumes. */
const threaded = [
  { ...body, thread: { type: 'create' } },
  { ...body, thread: { type: 'continue', previous_message_id: 'msg_1' } },
  { ...body, messages: [], thread: { type: 'continue', previous_message_id: 'msg_1' } },
]

describe('a conversation that the server should keep (`thread`)', () => {
  it.each(threaded)(
    'is refused, so that no turn is answered without its history: $thread',
    (one) => {
      for (const parse of [anthropicMessages.parse, parseCountTokens]) {
        const result = parse(one)
        if (result.ok) throw new Error('accepted')
        expect(result.error).toMatchObject({
          code: 'invalid_request',
          status: 400,
          param: 'thread',
        })
      }
    },
  )

  it("is refused in the words that Anthropic's clients recover by", () => {
    const result = anthropicMessages.parse(threaded[0])
    if (result.ok) throw new Error('accepted')
    expect(anthropicMessages.renderError(result.error, 'req_1')).toMatchObject({
      error: {
        type: 'invalid_request_error',
        details: { error_code: 'thread_unsupported_request', unsupported: ['thread'] },
      },
    })
  })

  it('is not meant by null', () => {
    expect(anthropicMessages.parse({ ...body, thread: null }).ok).toBe(true)
  })
})
