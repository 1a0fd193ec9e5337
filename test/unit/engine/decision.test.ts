import { describe, expect, it } from 'vitest'
import { readRecords } from '../../../scripts/replay/read-records.ts'
import { compare } from '../../../scripts/replay/compare.ts'
import { replay } from '../../../scripts/replay/replay.ts'
import { shown } from '../../../scripts/replay/show.ts'
import type { Runtime } from '../../../worker/edge/runtime.ts'
import { decisionOf, type DecisionRecord } from '../../../worker/engine/decision.ts'
import { type PlannedOrRefused, planRequest } from '../../../worker/engine/plan-request.ts'
import type { Plan } from '../../../worker/policy/plan.ts'
import { seededRandom } from '../../../worker/policy/seeded-random.ts'
import {
  anyCaller,
  anyPorts,
  anyRequest,
  routes,
  runtime,
  type Random,
} from '../../support/decision-world.ts'
import { chatRequest, fakeRuntime } from '../../support/fake-host.ts'

const seed = Number(process.env['SEED'] ?? 20_261_126)

interface Made {
  readonly record: DecisionRecord
  readonly plan: Plan
  readonly planned: PlannedOrRefused
}

const parts = [
  'standing',
  'ranking',
  'thrifty',
  'key',
  'preferences',
  'scores',
  'exclusions',
  'refused',
  'asked',
] as const

/** As it is logged: through JSON. */
function make(random: Random): Made {
  const request = anyRequest(random)
  const caller = anyCaller(random)
  const planned = planRequest(request, caller, anyPorts(random))
  const decided = planned.ok ? planned.value : planned.decided
  const names: [string, ...string[]] = [request.model, ...(request.models ?? [])]
  const record = decisionOf(decided, names, caller, runtime.version)
  const read = JSON.parse(JSON.stringify(record)) as DecisionRecord
  return { record: read, plan: decided.plan, planned }
}

function manyRecords(count: number): Made[] {
  const random = seededRandom(seed)
  return Array.from({ length: count }, () => make(random))
}

describe('a decision record', () => {
  it(
    'gives the same plan again, byte for byte, whatever was known and asked',
    { timeout: 30_000 },
    () => {
      console.log(`decision: seed ${seed}`)
      const kinds = new Set<string>()
      for (const { record, plan, planned } of manyRecords(4000)) {
        const again = replay(record, runtime)
        expect(JSON.stringify(again.plan)).toBe(JSON.stringify(plan))
        expect(again.isSame).toBe(true)
        // With every candidate, its score, and what was measured of it.
        expect(JSON.stringify(shown(again.planned))).toBe(JSON.stringify(shown(planned)))
        kinds.add(plan.kind)
        if (!planned.ok) kinds.add(planned.error.code)
        for (const name of record.rules ?? []) kinds.add(name)
        const left = plan.exclusions.map(({ target, reason }) => ({ target, reason }))
        expect(record.exclusions ?? []).toEqual(left)
        if (plan.kind === 'steps')
          expect(record.scores ?? plan.steps.map(() => null)).toEqual(
            plan.steps.map(({ score = null }) => score),
          )
        for (const part of parts) if (record[part] !== undefined) kinds.add(part)
      }
      const all =
        'asked big exclusions key legal no-secrets none preferences ranking refused scores'
      const codes = 'invalid_request no_healthy_target region_unavailable route_forbidden'
      expect([...kinds].toSorted()).toEqual(
        `${all} ${codes} standing steps thrifty unknown_model`.split(' ').toSorted(),
      )
    },
  )

  it('is small where nothing is out of the ordinary', () => {
    const request = { ...chatRequest(), model: 'plain' }
    const plain = fakeRuntime({ ...routes, rules: [] })
    const ports = { ...anyPorts(seededRandom(1)), runtime: plain, random: () => 0.5 }
    const standing = () => ({ health: undefined, notBeforeMs: 0 })
    const caller = { tenant: 'demo', keyId: 'k', profile: null }
    const planned = planRequest(request, caller, {
      ...ports,
      health: { standing },
      money: { asksToDegrade: () => false },
    })
    if (!planned.ok) throw new Error(planned.error.message)
    const record = decisionOf(planned.value, ['plain'], caller, plain.version)
    expect(record).toMatchObject({ v: 1, names: ['plain'], tenant: 'demo', seed: 2_147_483_648 })
    expect(record.steps).toEqual(['gpt-4.1@one', 'claude-haiku-4-5@two'])
    expect(JSON.stringify(record)).not.toContain('standing')
    expect(JSON.stringify(record).length).toBeLessThan(500)
  })

  it('holds no text of the request', () => {
    for (const { record } of manyRecords(500)) {
      const text = JSON.stringify(record)
      expect(text).not.toContain('jane')
      expect(text).not.toContain('hello')
      expect(text).not.toContain('xxxx')
    }
  })

  it('is not taken for the same when its seed, its configuration or its plan is another', () => {
    const split = manyRecords(200).find(
      ({ record, plan }) =>
        record.names[0] === 'split' &&
        record.tenant === 'demo' &&
        plan.kind === 'steps' &&
        record.steps.includes('gpt-oss-120b@three'),
    )
    const record = split?.record ?? manyRecords(1)[0]?.record
    if (record === undefined) throw new Error('nothing was recorded')
    expect(replay({ ...record, plan: '0'.repeat(14) }, runtime).isSame).toBe(false)
    const constraints = { deny: ['gpt-oss-120b@*'] }
    const tenants = { demo: { constraints }, pinned: { constraints } }
    const narrower = fakeRuntime({ ...routes, tenants })
    expect(replay(record, narrower).isSame).toBe(false)
  })
})

describe('what another configuration would change', () => {
  const line = (target: string, more: object = {}) => ({
    'switchyard.decision': {
      v: 1,
      config: 'old',
      catalog: '1',
      names: ['plain'],
      tenant: 'demo',
      facts: { promptTokens: 9 },
      nowMs: 1,
      seed: 0,
      steps: [target],
      plan: '',
    },
    'switchyard.cost_usd': '0.001',
    'gen_ai.usage.input_tokens': 1_000_000,
    'gen_ai.usage.output_tokens': 0,
    ...more,
  })
  const lines = (...all: object[]) => all.map((one) => JSON.stringify(one)).join('\n')

  it('is told by target, cost and region', () => {
    const text = lines(line('gpt-4.1@one'), line('gpt-4.1@one'), { event: 'refusal' })
    const { records, skipped } = readRecords(text)
    expect([records.length, skipped]).toEqual([2, 1])
    const moved: Runtime = fakeRuntime({
      ...routes,
      routes: { ...routes.routes, plain: { tiers: [['claude-haiku-4-5@two']] } },
    })
    const result = compare(records, moved)
    expect(result).toMatchObject({
      records: 2,
      changed: 2,
      moves: [{ from: 'gpt-4.1@one', to: 'claude-haiku-4-5@two', records: 2 }],
      regions: [{ from: 'us', to: 'eu', records: 2 }],
      refusals: [],
    })
    // Claude Haiku 4.5 costs 1 USD for a million tokens of prompt.
    expect(result.cost).toEqual({
      records: 2,
      beforeNanoUsd: 2_000_000,
      afterNanoUsd: 2_000_000_000,
    })
    expect(compare(records, runtime)).toMatchObject({ changed: 0, moves: [], regions: [] })
  })

  it('tells of a target that is still the first and lies elsewhere now', () => {
    const answered = { 'switchyard.target': 'gpt-4.1@one', 'switchyard.region': 'us' }
    const { records } = readRecords(lines(line('gpt-4.1@one', answered)))
    const { one } = routes.providers
    const elsewhere = fakeRuntime({
      ...routes,
      providers: { ...routes.providers, one: { ...one, regions: ['apac'] } },
    })
    expect(compare(records, elsewhere)).toMatchObject({
      changed: 0,
      regions: [{ from: 'us', to: 'apac', records: 1 }],
    })
  })

  it('prices what came from a cache as such', () => {
    const cached = { 'gen_ai.usage.cache_read.input_tokens': 1_000_000 }
    const { records } = readRecords(lines(line('gpt-4.1-mini@one', cached)))
    // GPT-4.1 reads a million cached tokens for 0.50 USD.
    expect(compare(records, runtime).cost.afterNanoUsd).toBe(500_000_000)
  })

  it('names what would be refused', () => {
    const { records } = readRecords(lines(line('gpt-4.1@one')))
    const narrow = fakeRuntime({ ...routes, tenants: { demo: { routes: ['split'] } } })
    const result = compare(records, narrow)
    expect(result.refusals).toEqual([{ code: 'route_forbidden', records: 1 }])
    expect(result.moves).toEqual([{ from: 'gpt-4.1@one', to: 'nobody', records: 1 }])
  })

  it('refuses a record of a version that it does not know', () => {
    const text = JSON.stringify({ v: 2, names: ['a'], seed: 1 })
    expect(() => readRecords(text)).toThrow('line 1: a record of version 2, and 1 is known')
  })
})
