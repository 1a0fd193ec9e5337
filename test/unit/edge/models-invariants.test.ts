import { describe, expect, it } from 'vitest'
import { listModels } from '../../../worker/edge/models.ts'
import { nameSpace } from '../../../worker/edge/runtime.ts'
import { fakeRuntime, settings, upstreamSecret } from '../../support/fake-host.ts'

const runtime = fakeRuntime({
  ...settings,
  routes: {
    chat: { tiers: [['gpt-4.1@openai'], ['m@backup']] },
    secret: { tiers: [['claude-sonnet-4-5@anthropic']] },
  },
  tenants: { demo: {}, narrow: { routes: ['chat'], directTargets: false } },
})

describe('listModels()', () => {
  it('shows a tenant what it may name, and nothing else', () => {
    expect(listModels(runtime, nameSpace(runtime, 'narrow')).map(({ id }) => id)).toEqual(['chat'])
    const all = listModels(runtime, nameSpace(runtime, 'demo')).map(({ id }) => id)
    expect(all).toEqual(expect.arrayContaining(['chat', 'secret', 'gpt-4.1@openai', 'gpt-4.1']))
    for (const stranger of ['nobody', 'constructor'])
      expect(listModels(runtime, nameSpace(runtime, stranger))).toEqual([])
  })

  it('lists a bare model once', () => {
    const ids = listModels(runtime, nameSpace(runtime, 'demo')).map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('gives prices per token without an exponent, and none where none is known', () => {
    const entry = (id: string) =>
      listModels(runtime, nameSpace(runtime, 'demo')).find((one) => one.id === id)
    const { pricing } = entry('gpt-4.1@openai') ?? {}
    expect(pricing?.['prompt']).toBe('0.000002')
    expect(pricing?.['completion']).toBe('0.000008')
    expect(entry('m@backup')?.pricing).toBeNull()
    expect(entry('m@backup')?.context_length).toBeNull()
  })

  it('says when a model is switched off, and of a route which of its targets goes first', () => {
    const entry = (id: string) =>
      listModels(runtime, nameSpace(runtime, 'demo')).find((one) => one.id === id)
    const day = runtime.targets.get('claude-sonnet-4-5@anthropic')?.facts?.retiresOn
    expect(day).toMatch(/^20\d\d-\d\d-\d\d$/)
    for (const id of ['claude-sonnet-4-5@anthropic', 'claude-sonnet-4-5', 'secret'])
      expect(entry(id)?.retires_on).toBe(day)
    expect(entry('gpt-4.1@openai')?.retires_on).toBeNull()
    expect(entry('chat')?.retires_on).toBeNull()
  })

  it('gives a route the capabilities that all its targets share, and its tiers', () => {
    const [chat] = listModels(runtime, nameSpace(runtime, 'narrow'))
    expect(chat?.targets).toEqual([['gpt-4.1@openai'], ['m@backup']])
    expect(chat?.capabilities).toContain('tools')
  })

  it('holds no secret', () => {
    expect(JSON.stringify(listModels(runtime, nameSpace(runtime, 'demo')))).not.toContain(
      upstreamSecret,
    )
  })
})
