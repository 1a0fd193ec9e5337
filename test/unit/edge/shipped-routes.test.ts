import { describe, expect, it } from 'vitest'
import routes from '../../../routes.json' with { type: 'json' }
import { fakeRuntime } from '../../support/fake-host.ts'

/** `routes.json` as it is shipped, against the catalog as it is shipped. */

const runtime = fakeRuntime(routes)

/** Reviewed: the operator's own servers. Nobody bills for them, and what they hold is not for us to know. */
const ownServers = ['llama3.3@lmstudio', 'llama3.3@ollama', 'llama3.3@vllm']

describe('routes.json', () => {
  it('has a price and a window for every target, but for those on the reviewed list', () => {
    const without = [...runtime.targets.values()].filter(
      ({ facts }) =>
        facts === null || facts.prices === null || facts.contextTokens === undefined || facts.free,
    )
    const free = ['gpt-4.1@github-models', 'gpt-oss-20b@nvidia']
    expect(without.map(({ name }) => name).toSorted()).toEqual([...free, ...ownServers].toSorted())
  })

  it('declares the own servers free, so that they are not unpriced', () => {
    for (const name of ownServers)
      expect(runtime.targets.get(name)?.facts).toMatchObject({ free: true, prices: { input: 0 } })
  })

  it('leaves every route a model that nobody has announced to switch off', () => {
    for (const [route, tiers] of runtime.tiers) {
      const lasting = tiers
        .flat()
        .filter(({ target }) => runtime.targets.get(target)?.facts?.retiresOn === undefined)
      expect({ route, lasting: lasting.length > 0 }).toEqual({ route, lasting: true })
    }
  })

  it('keeps the names that the README and the contract use', () => {
    expect(runtime.targets.has('claude-sonnet-4-5@anthropic')).toBe(true)
    expect(runtime.tiers.get('chat')?.slice(0, 2)).toEqual([
      [{ target: 'gpt-4.1@openai', weight: 1 }],
      [{ target: 'claude-sonnet-4-5@anthropic', weight: 1 }],
    ])
  })

  it('asks three providers with the three attempts of "chat": two models of one fall together', () => {
    const first = runtime.tiers.get('chat')?.slice(0, 3).flat() ?? []
    const providers = first.map(({ target }) => runtime.targets.get(target)?.provider.id)
    expect(new Set(providers).size).toBe(3)
  })
})
