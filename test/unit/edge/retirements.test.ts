import { describe, expect, it } from 'vitest'
import { retiringTargets } from '../../../worker/edge/retirements.ts'
import { fakeRuntime, settings } from '../../support/fake-host.ts'

const runtime = fakeRuntime({
  ...settings,
  routes: { ...settings.routes, claude: { tiers: [['claude-sonnet-4-5@anthropic']] } },
})
const lastDay = String(runtime.targets.get('claude-sonnet-4-5@anthropic')?.facts?.retiresOn)

const at = (days: number) => Date.parse(`${lastDay}T12:00:00Z`) + days * 86_400_000

describe('retiringTargets()', () => {
  it('names target, day and the routes that use it, from 60 days before', () => {
    expect(retiringTargets(runtime, at(-60))).toEqual([
      {
        path: 'targets["claude-sonnet-4-5@anthropic"]',
        rule: 'its vendor switches this model off; used by claude',
        value: lastDay,
      },
    ])
    expect(retiringTargets(runtime, at(-61))).toEqual([])
  })

  it('goes on naming it after the day', () => {
    expect(retiringTargets(runtime, at(400))).toHaveLength(1)
  })

  it('says so where no route uses it', () => {
    const [only] = retiringTargets(fakeRuntime(), at(0))
    expect(only?.rule).toContain('no route uses it')
  })
})
