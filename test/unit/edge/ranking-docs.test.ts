import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from '../../../scripts/local-gateway.ts'
import type { Runtime } from '../../../worker/edge/runtime.ts'
import { plainChat, planRequest } from '../../../worker/engine/plan-request.ts'
import { chatRequest, fakeRuntime, FakeHost, settings } from '../../support/fake-host.ts'

const page = readFileSync(join(root, 'docs/routing-objectives.md'), 'utf8')
const examples = new Map(
  [...page.matchAll(/^### (.+)\n[^]*?^```json\n([^]*?)^```$/gm)].map(
    ([, title = '', text = '']) => [
      title,
      JSON.parse(text) as { routes: object; targets?: Record<string, object> },
    ],
  ),
)

const [large, mini] = ['gpt-4.1@openai', 'gpt-4.1-mini@openai']
const [sonnet, haiku] = ['claude-sonnet-4-5@anthropic', 'claude-haiku-4-5@anthropic']
const azure = 'gpt-4.1@azure-openai'

function runtimeOf({
  routes,
  targets = {},
}: {
  routes: object
  targets?: Record<string, object>
}): Runtime {
  const azureHost = 'example.openai.azure.com'
  return fakeRuntime({
    ...settings,
    providers: {
      ...settings.providers,
      'azure-openai': {
        adapter: 'openai',
        baseUrl: `https://${azureHost}/v1`,
        credential: { kind: 'bearer', secret: 'UPSTREAM_KEY', host: azureHost },
      },
    },
    targets: Object.fromEntries(
      [large, mini, sonnet, haiku, azure].map((name) => [name, targets[name] ?? {}]),
    ),
    routes,
  })
}

/** How the targets of an example answer, and what a request then gets. */
class Example {
  readonly host: FakeHost

  constructor(title: string) {
    const example = examples.get(title)
    if (example === undefined) throw new Error(`the page has no example "${title}"`)
    this.host = new FakeHost(runtimeOf(example))
  }

  /** So many streams whose first token takes so long; each nth of them does not parse. */
  answers(target: string, ttftMs: number, { calls = 40, brokenEvery = Infinity } = {}): this {
    for (let call = 1; call <= calls; call += 1) {
      const known = this.host.ports.runtime.targets.get(target)
      if (known === undefined) throw new Error(`no target ${target}`)
      const attendance = this.host.health.begin(known, 100)
      attendance.firstToken(ttftMs)
      const sound = call % brokenEvery !== 0
      const soundness = { schema: sound, toolCalls: sound }
      attendance.finished({ broken: !sound, costNanoUsd: 1, elapsedMs: ttftMs + 500, soundness })
    }
    return this
  }

  plan(more: Parameters<typeof chatRequest>[0] = {}, session?: string) {
    const request = chatRequest({ model: 'chat', ...more })
    const caller = { tenant: 'demo', keyId: 'k', profile: null }
    const tags = session === undefined ? {} : { session }
    const planned = planRequest(request, caller, this.host.ports, { ...plainChat, tags })
    if (!planned.ok) throw new Error(planned.error.message)
    return planned.value.plan
  }

  targets(...asked: Parameters<Example['plan']>): string[] {
    return this.plan(...asked).steps.map(({ target }) => target)
  }
}

const schema = {
  responseFormat: { type: 'jsonSchema' as const, name: 'x', schema: { type: 'object' } },
}
const sessions = Array.from({ length: 60 }, (_, index) => `s${index}`)
const tried = new Set<string>()
const example = (title: string) => {
  tried.add(title)
  return new Example(title)
}

describe('docs/routing-objectives.md', () => {
  it('the cheapest that does JSON schema and stays under 800 ms is one line', () => {
    const world = example('The cheapest that does JSON schema and stays under 800 ms')
    // The smallest model is the cheapest, and too slow today.
    world.answers(large, 400).answers(mini, 1500).answers(sonnet, 300)
    const plan = world.plan(schema)
    expect(plan.steps.map(({ target }) => target)).toEqual([large, sonnet])
    expect(plan.steps[0].reason).toMatch(
      /^tier 1, cheapest: an answer is expected to cost 0\.\d+ USD/,
    )
    expect(plan.exclusions.map(({ target }) => target)).toEqual([mini])
  })

  it('orders each tier by its own objective', () => {
    const world = example('A tier of its own').answers(large, 900).answers(sonnet, 200)
    expect(world.targets()).toEqual([sonnet, large, mini, haiku])
  })

  it('balances by the weights that are given', () => {
    expect(example('Balanced').targets()[0]).toBe(large)
  })

  it('reckons with a cache that is declared to help', () => {
    const title = 'A target whose cache is known to help'
    const long = {
      messages: [
        { role: 'user' as const, content: [{ type: 'text' as const, text: 'x'.repeat(200_000) }] },
      ],
      maxOutputTokens: 10,
    }
    expect(example(title).targets(long)[0]).toBe(haiku)
    expect(example(title).targets({ ...long, messages: [] })[0]).toBe(mini)
  })

  it('weighs each measure as it is told, and each tier by its own weights', () => {
    const world = example('All weights, and in one tier alone')
    world.answers(large, 3000).answers(mini, 300)
    expect(world.targets()).toEqual([mini, large, sonnet])
  })

  it('keeps a session at its target', () => {
    const world = example('A session keeps its target')
    const homes = sessions.map((session) => world.targets({}, session)[0])
    expect(sessions.map((session) => world.targets({}, session)[0])).toEqual(homes)
    expect(new Set(homes)).toEqual(new Set([large, sonnet]))
    expect(world.plan({}, 's1').steps[0].reason).toBe('tier 1, kept together by session')
  })

  it('lets affinity cost no more than its tolerance', () => {
    const world = example('Affinity may cost so much')
    expect(new Set(sessions.map((session) => world.targets({}, session)[0]))).toEqual(
      new Set([mini]),
    )
  })

  it('sends its share of the sessions to the canary', () => {
    const world = example('One in twenty')
    const many = Array.from({ length: 2000 }, (_, index) => `s${index}`)
    const firsts = many.map((session) => world.targets({}, session)[0])
    const share = firsts.filter((target) => target === mini).length / many.length
    expect(share).toBeGreaterThan(0.035)
    expect(share).toBeLessThan(0.065)
  })

  it('counts what is slow on the trial of another run', () => {
    const { steps } = example('Slow answers count as failures').plan()
    expect(steps[0].mark?.trial).toMatchObject({ target: mini, slowAfterMs: 2000 })
    const { ranking } =
      example('One in twenty').host.ports.runtime.policies.routes.get('chat') ?? {}
    expect(steps[0].mark?.trial?.trial).not.toBe(ranking?.canary?.trial)
  })

  it('uses reserved capacity first, and then spills', () => {
    const world = example('Provisioned throughput first')
    expect(world.targets()).toEqual([azure, large])
    world.answers(azure, 300, { calls: 299 })
    expect(world.targets()).toEqual([azure, large])
    world.answers(azure, 300, { calls: 1 })
    expect(world.targets()).toEqual([large, azure])
  })

  it('moves requests away from a target whose answers do not parse', () => {
    const world = example('Answers that have to parse').answers(mini, 300, { brokenEvery: 8 })
    expect(world.targets(schema)).toEqual([large, mini])
    expect(world.targets()).toEqual([mini, large])
  })

  it('has no example that nothing here runs', () => {
    expect([...examples.keys()].filter((title) => !tried.has(title))).toEqual([])
    expect(examples.size).toBe([...page.matchAll(/^```json$/gm)].length)
  })
})
