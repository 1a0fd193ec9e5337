import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { beforeAll, describe, expect, it } from 'vitest'
import { collect, ResponseCollector } from '../../worker/canonical/response.ts'
import { keptSpecimens } from '../../worker/canonical/specimens.ts'
import { candidates } from '../../worker/edge/runtime.ts'
import { Asked } from '../../worker/policy/content-needs.ts'
import type { TargetHealth } from '../../worker/policy/candidate.ts'
import { TierNotes } from '../../worker/policy/tier-notes.ts'
import { AnthropicDecoder } from '../../worker/providers/anthropic/decoder.ts'
import { Departures } from '../../worker/providers/departures.ts'
import { compatibleRows } from '../../worker/providers/compatible-rows.ts'
import { adapterOf } from '../../worker/providers/index.ts'
import { AnswerReader } from '../../worker/providers/openai/answer-reader.ts'
import { ChoiceState } from '../../worker/providers/openai/choice-state.ts'
import { ToolCallAssembler } from '../../worker/providers/openai/tool-call-assembler.ts'
import { rehearse } from '../../worker/rehearsal.ts'
import { fakeRuntime } from '../support/fake-host.ts'

setFlagsFromString('--allow-natives-syntax')
/** Whether V8 holds the two to be of one shape. */
const haveOneShape = runInNewContext('(a, b) => %HaveSameMap(a, b)') as (
  a: object,
  b: object,
) => boolean

const isKept = (value: object): boolean =>
  deep(keptSpecimens()).some((one) => haveOneShape(one, value))

function deep(values: readonly unknown[]): readonly object[] {
  return values.flatMap((value) =>
    typeof value === 'object' && value !== null ? [value, ...deep(Object.values(value))] : [],
  )
}

beforeAll(() => rehearse())

describe('specimens', () => {
  const [quirks] = compatibleRows
  if (quirks === undefined) throw new Error('no vendor is known')
  const request = {
    model: 'm',
    messages: [],
    sampling: { temperature: 0.5 },
    stream: true,
    includeUsage: true,
    includeCost: false,
  }
  it.each([
    ['TierNotes', () => new TierNotes([], [])],
    ['Asked', () => new Asked(request)],
    ['Departures', () => new Departures()],
    ['ResponseCollector', () => new ResponseCollector()],
    ['AnthropicDecoder', () => new AnthropicDecoder()],
    ['AnswerReader', () => new AnswerReader(quirks, 'message')],
    ['ChoiceState', () => new ChoiceState(1, 'delta', true)],
    ['ToolCallAssembler', () => new ToolCallAssembler(1)],
  ])('one %s is kept, of the shape that every request makes anew', (_name, make) => {
    expect(isKept(make())).toBe(true)
  })

  const openAi = JSON.stringify({
    id: 'chatcmpl-2',
    object: 'chat.completion',
    created: 1_795_000_000,
    model: 'another',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: 'No.', refusal: null, annotations: [] },
        logprobs: null,
        finish_reason: 'length',
      },
    ],
    usage: {
      prompt_tokens: 1,
      completion_tokens: 3,
      total_tokens: 4,
      prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
      completion_tokens_details: {
        reasoning_tokens: 0,
        audio_tokens: 0,
        accepted_prediction_tokens: 0,
        rejected_prediction_tokens: 0,
      },
    },
    service_tier: 'default',
    system_fingerprint: 'fp_2',
  })
  const anthropic = JSON.stringify({
    model: 'another',
    id: 'msg_2',
    type: 'message',
    role: 'assistant',
    content: [{ type: 'text', text: 'No.' }],
    stop_reason: 'max_tokens',
    stop_sequence: null,
    usage: {
      input_tokens: 1,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      output_tokens: 3,
    },
  })
  it.each([
    ['openai', openAi],
    ['anthropic', anthropic],
  ])('an answer of %s has kept shapes, from its JSON to what is made of it', (id, text) => {
    const body = JSON.parse(text) as object
    expect(isKept(body)).toBe(true)
    const events = adapterOf(id)?.decodeResponse(body) ?? []
    expect(events.map(({ type }) => type)).toEqual(['start', 'text', 'usage', 'finish'])
    for (const event of events) expect([event.type, isKept(event)]).toEqual([event.type, true])
    const collected = collect(events)
    expect(collected.ok && isKept(collected.response)).toBe(true)
  })

  it('holds no word but its own', () => {
    const texts = JSON.stringify(keptSpecimens())
    expect(texts).not.toContain('No.')
    expect(texts).toContain('Yes.')
  })
})

describe('a candidate', () => {
  it('is of one shape, whether something is known of its health or not', () => {
    const health: TargetHealth = {
      state: 'closed',
      why: null,
      slow: false,
      weight: 1,
      loadMs: 3.5,
      full: false,
    }
    const runtime = fakeRuntime()
    const [target] = runtime.targets.keys()
    const tiers = [[{ target: target ?? '', weight: 1 }]]
    const [plain] = candidates(runtime, tiers, () => ({ notBeforeMs: 0, health: undefined }))
    const [loaded] = candidates(runtime, tiers, () => ({ notBeforeMs: 0, health }))
    const [waiting] = candidates(runtime, tiers, () => ({ notBeforeMs: 5, health: undefined }))
    expect(loaded?.health).toEqual(health)
    expect(waiting?.notBeforeMs).toBe(5)
    expect(haveOneShape(plain ?? {}, loaded ?? {})).toBe(true)
    expect(haveOneShape(plain ?? {}, waiting ?? {})).toBe(true)
  })
})
