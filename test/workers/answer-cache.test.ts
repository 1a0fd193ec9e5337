import { describe, expect, it } from 'vitest'
import { createHmac } from '../../worker/edge/access/web-hmac.ts'
import { AnswerMemory } from '../../worker/edge/cache/answer-memory.ts'
import { EdgeAnswers, openPlaceCache } from '../../worker/edge/cache/edge-answers.ts'
import type { KeptAnswer, Question } from '../../worker/engine/answer-port.ts'

/** The cache of a place as the runtime has it: what one isolate kept another finds. */

const question: Question = {
  tenant: 'demo',
  route: 'chat',
  configVersion: 'v1',
  dialect: 'openai-chat',
  request: {
    model: 'chat',
    messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }],
    sampling: {},
    stream: false,
    includeUsage: true,
    includeCost: false,
  },
}

const rules = { ttlMs: 60_000, maxAnswerBytes: 10_000 }

/** An isolate that remembers nothing of its own. */
function fresh(pepper = 'p'.repeat(32)): EdgeAnswers {
  return new EdgeAnswers({
    nowMs: Date.now,
    memory: new AnswerMemory(),
    peppers: { current: '1', peppers: { 1: pepper } },
    hmac: createHmac(),
    openCache: openPlaceCache,
  })
}

describe('the cache of a place on workerd', () => {
  it('has what another isolate kept, for the same tenant and question only', async () => {
    const answer: KeptAnswer = {
      target: 'gpt-4.1@openai',
      madeAtMs: Date.now(),
      events: [{ type: 'text', choice: 0, text: 'Hello' }],
    }
    await fresh().keep(question, answer, rules)
    expect(await fresh().find(question)).toEqual(answer)
    expect(await fresh().find({ ...question, tenant: 'other' })).toBeNull()
    expect(await fresh().find({ ...question, route: 'other' })).toBeNull()
    expect(await fresh('q'.repeat(32)).find(question)).toBeNull()
  })
})
