import { describe, expect, it } from 'vitest'
import { openAiChat } from '../../../worker/dialects/openai-chat/index.ts'
import { classify } from '../../../worker/policy/classify.ts'
import { Asked } from '../../../worker/policy/content-needs.ts'

const user = { role: 'user', content: 'x' }

function factsOf(more: object) {
  const parsed = openAiChat.parse({ model: 'm', messages: [user], ...more })
  if (!parsed.ok) throw new Error(parsed.error.message)
  return classify(parsed.value)
}

function asked(): Asked {
  const parsed = openAiChat.parse({ model: 'm', messages: [user] })
  if (!parsed.ok) throw new Error(parsed.error.message)
  return new Asked(parsed.value)
}

describe('fields of one wire format', () => {
  it('are all told while they are few', () => {
    const { wires } = factsOf({ k1: 1, k2: 2 })
    expect(wires.map(({ param }) => param)).toEqual(['k1', 'k2'])
  })

  it('are told up to twenty, and that there are more', () => {
    const { wires } = factsOf(
      Object.fromEntries(Array.from({ length: 45_000 }, (_, n) => [`k${n}`, 1])),
    )
    expect(wires.map(({ param }) => param)).toEqual([
      ...Array.from({ length: 20 }, (_, n) => `k${n}`),
      'more',
    ])
  })

  it('are told by no more than 96 characters of their name', () => {
    const [first] = factsOf({ ['k'.repeat(1_000_000)]: 1 }).wires
    expect(first?.param).toBe(`${'k'.repeat(93)}...`)
  })

  it('decide however late the first of its kind comes', () => {
    const late = asked()
    for (let n = 0; n < 100; n++) late.bind('openai-chat', `k${n}`, false)
    late.bind('openai-chat', 'messages[0].content[0]', true)
    late.bind('gemini', 'safety', false)
    late.bind('gemini', 'more safety', false)
    expect(late.wires).toHaveLength(23)
    expect(late.wires).toContainEqual({
      wire: 'openai-chat',
      param: 'messages[0].content[0]',
      hard: true,
    })
    expect(late.wires).toContainEqual({ wire: 'gemini', param: 'safety', hard: false })
  })
})
