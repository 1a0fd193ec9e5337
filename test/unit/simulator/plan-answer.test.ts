import { describe, expect, it } from 'vitest'
import type { Ask } from '../../../simulator/ask.ts'
import { planAnswer } from '../../../simulator/plan-answer.ts'

const base: Ask = {
  model: 'm',
  stream: false,
  promptParts: ['user hello'],
  markedParts: 0,
  images: 0,
  lastUserText: 'hello',
  toolResults: [],
  tools: [],
  toolChoice: { kind: 'auto' },
  parallelCalls: true,
  json: null,
  reasoning: false,
  stop: [],
  maxTokens: null,
  choices: 1,
  toolCallId: (sequence, index) => `call-${sequence}-${index}`,
}
const context = { sequence: 4, cacheRead: 0, cacheWrite: 0 }
const tools = [
  { name: 'one', schema: { type: 'object', properties: { a: { type: 'string' } } } },
  { name: 'two', schema: {} },
]
const plan = (more: Partial<Ask>) => planAnswer({ ...base, ...more }, context)
const text = (more: Partial<Ask>) => plan(more).choices[0].text.join('')
const calls = (more: Partial<Ask>) => plan(more).choices[0].toolCalls.map((call) => call.name)

describe('planAnswer()', () => {
  it('repeats the user, without directives', () => {
    expect(text({ lastUserText: 'hello [[think]]' })).toBe('You said: hello')
  })

  it('quotes at most 400 characters, never half of one', () => {
    expect(text({ lastUserText: '😀'.repeat(500) })).toBe(`You said: ${'😀'.repeat(400)}...`)
  })

  it('counts every piece of the answer as one token', () => {
    const answer = plan({ lastUserText: '[[tokens:37]]', reasoning: true })
    const [choice] = answer.choices
    expect(choice.text).toHaveLength(37)
    expect(answer.tokens.output).toBe(37 + choice.reasoning.length)
    expect(answer.tokens.reasoning).toBe(choice.reasoning.length)
  })

  it('counts about four characters per prompt token, and images apart', () => {
    const few = plan({ promptParts: ['x'.repeat(400)] }).tokens.input
    expect(few).toBe(103)
    expect(plan({ promptParts: ['x'.repeat(400)], images: 2 }).tokens.input).toBe(few + 516)
  })

  it('calls the first tool, all of them in parallel, none after a result', () => {
    expect(calls({ tools })).toEqual(['one'])
    expect(calls({ tools, lastUserText: '[[parallel]]' })).toEqual(['one', 'two'])
    expect(calls({ tools: tools.slice(0, 1), lastUserText: '[[parallel]]' })).toEqual([
      'one',
      'one',
    ])
    expect(calls({ tools, lastUserText: '[[parallel]]', parallelCalls: false })).toEqual(['one'])
    expect(calls({ tools, toolResults: ['21'] })).toEqual([])
    expect(text({ tools, toolResults: ['21', '22'] })).toBe('The tool answered: 21; 22')
  })

  it('obeys the tool choice', () => {
    expect(calls({ tools, toolChoice: { kind: 'none' } })).toEqual([])
    expect(calls({ tools, toolChoice: { kind: 'named', name: 'two' } })).toEqual(['two'])
    expect(calls({ tools, toolChoice: { kind: 'required' }, toolResults: ['x'] })).toEqual(['one'])
    expect(calls({ tools, lastUserText: '[[text]]' })).toEqual([])
  })

  it('stops before the first stop sequence and names it', () => {
    const [choice] = plan({ stop: ['lo', 'said'] }).choices
    expect(choice.text.join('')).toBe('You ')
    expect(choice).toMatchObject({ finish: 'stop-sequence', stopSequence: 'said' })
  })

  it('ends at max tokens, reasoning first', () => {
    const [choice] = plan({ maxTokens: 3, reasoning: true }).choices
    expect(choice.reasoning).toHaveLength(3)
    expect(choice).toMatchObject({ text: [], finish: 'length' })
    expect(plan({ tools, maxTokens: 1 }).choices[0]).toMatchObject({
      toolCalls: [],
      finish: 'length',
    })
  })

  it('gives every choice its own text', () => {
    const texts = plan({ choices: 3 }).choices.map((choice) => choice.text.join(''))
    expect(new Set(texts).size).toBe(3)
  })

  it('answers JSON in JSON mode', () => {
    expect(JSON.parse(text({ json: { kind: 'object' } }))).toEqual({ answer: 'sample answer' })
  })
})
