import { describe, expect, it } from 'vitest'
import { plainChat, planRequest } from '../../../worker/engine/plan-request.ts'
import { chatRequest, fakeRuntime, FakeHost, settings } from '../../support/fake-host.ts'

/** The catalog says of Gemma 4 at Bedrock that it has tools and makes one call at a time. */
const one = 'google.gemma-4-31b@bedrock'
const several = 'gpt-4.1@openai'
const host = 'bedrock-runtime.us-east-1.amazonaws.com'

const runtime = fakeRuntime({
  ...settings,
  providers: {
    ...settings.providers,
    bedrock: {
      adapter: 'bedrock',
      baseUrl: `https://${host}`,
      credential: { kind: 'bearer', secret: 'UPSTREAM_KEY', host },
    },
  },
  targets: { ...settings.targets, [one]: {} },
  routes: { ...settings.routes, chat: { tiers: [[one], [several]] } },
})

const tools = [{ kind: 'function' as const, name: 'f' }]

function planned(more: object) {
  const caller = { tenant: 'demo', keyId: 'k', profile: null }
  const ports = new FakeHost(runtime).ports
  const made = planRequest(chatRequest({ model: 'chat', tools, ...more }), caller, ports, plainChat)
  if (!made.ok) throw new Error(made.error.message)
  return made.value.plan
}

describe('parallel tool calls', () => {
  it('keep a target away that the catalog says makes one at a time, and the reason names the field', () => {
    const { steps, exclusions } = planned({ parallelToolCalls: true })
    expect(steps.map(({ target }) => target)).toEqual([several])
    expect(exclusions).toEqual([
      { target: one, reason: 'another target can do "parallel_tool_calls" (parallelTools)' },
    ])
  })

  it('that nobody asks for keep nobody away', () => {
    expect(planned({}).steps.map(({ target }) => target)).toEqual([one, several])
  })

  it('are warned of where no other target is left', () => {
    const { steps } = planned({ parallelToolCalls: true, model: one })
    expect(steps[0]).toMatchObject({ target: one, warnings: ['parallel_tool_calls'] })
  })
})
