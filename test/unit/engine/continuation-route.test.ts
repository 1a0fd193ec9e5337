import { describe, expect, it } from 'vitest'
import type { Priority } from '../../../worker/engine/health-port.ts'
import { breaking, whole } from '../../support/breaking-streams.ts'
import type { FakeHost } from '../../support/fake-host.ts'
import { ask, hostOf, textOf, withStreams, worldOf } from '../../support/parallel-world.ts'

/** What a route, and whose work it is, have to say of an answer that breaks. */

withStreams()

const resume = { 'x-switchyard-resume': 'continue' }
const spare = 'gpt-4.1@backup'

function interrupted(options: object, more: object = {}): FakeHost {
  return hostOf(worldOf({ resume: { userTurn: true }, ...options }, undefined, more))
    .on('openai', breaking('truncate', 'The cat ', 'sat on'))
    .on('backup', whole(' the mat', '.'))
}

describe('the rest of an answer, where capacity is shared out', () => {
  const scarcity = { premiumReserve: 0, batchShare: 0.5, batchWaitMs: 1000 }

  /** One of two places of the second target is taken: batch work may have half of what is left, which is none. */
  function halfTaken(tier: Priority): FakeHost {
    const host = interrupted(
      {},
      {
        scarcity,
        tenants: { demo: { tier } },
        targets: {
          'gpt-4.1@openai': { maxConcurrent: 20 },
          [spare]: { maxConcurrent: 2 },
        },
      },
    )
    host.health.begin(host.target(spare), 1, 'standard')
    return host
  }

  it.each([
    ['standard', ['openai', 'backup'], 'The cat sat on the mat.'],
    ['batch', ['openai'], 'The cat sat on'],
  ] as const)('of %s work takes its turn as the beginning did', async (tier, asked, said) => {
    const host = halfTaken(tier)
    const { text } = await ask(host, { headers: resume })
    expect(host.asked).toEqual(asked)
    expect(textOf(text)).toBe(said)
  })
})

describe('the rest of an answer that its route holds against a schema', () => {
  it('is never asked for: JSON is not glued together from two models', async () => {
    const host = interrupted({ validate: { schema: { type: 'object' } } })
    const told = await ask(host, { headers: resume })
    expect(host.asked).toEqual(['openai'])
    expect(told.headers.get('x-switchyard-warning')).toContain(
      'its route takes structured output only',
    )
  })

  it.each([{ schema: true }, { nonEmpty: true }])(
    'is, where the route asks for %o of what is plain text',
    async (validate) => {
      const host = interrupted({ validate })
      const { text } = await ask(host, { headers: resume })
      expect(textOf(text)).toBe('The cat sat on the mat.')
    },
  )

  it('is not either where only a route named behind asks for it', async () => {
    const routes = {
      chat: { tiers: [['gpt-4.1@openai']], resume: { userTurn: true } },
      strict: { tiers: [[spare]], validate: { schema: { type: 'object' } } },
    }
    const host = interrupted({}, { routes })
    await ask(host, { headers: resume, body: { models: ['chat', 'strict'] } })
    expect(host.asked).toEqual(['openai'])
  })
})
