import { describe, expect, it } from 'vitest'
import { wantProbes } from '../../../worker/engine/want-probes.ts'
import type { PlannedStep } from '../../../worker/policy/plan.ts'
import { FakeHost, plannedStep } from '../../support/fake-host.ts'

const first = 'gpt-4.1@openai'
const second = 'm@backup'
const third = 'm@third'

/** Targets that leave to be tried out is asked for, when a plan has these steps. */
function wanted(...steps: readonly [PlannedStep, ...PlannedStep[]]): string[] {
  const { ports } = new FakeHost()
  const asked: string[] = []
  const health = { ...ports.health, want: ({ name }: { name: string }) => void asked.push(name) }
  wantProbes(steps, { runtime: ports.runtime, health } as unknown as Parameters<
    typeof wantProbes
  >[1])
  return asked
}

const barred = (target: string, tier: number) => plannedStep(target, { tier, barred: true })

describe('wantProbes()', () => {
  it('asks for what would have stood before the first choice', () => {
    expect(wanted(plannedStep(second, { tier: 1 }), barred(first, 0))).toEqual([first])
    expect(wanted(plannedStep(second, { tier: 0 }), barred(first, 0))).toEqual([first])
  })

  it('asks for nothing behind it: a permit that nobody uses keeps the object from trying by itself', () => {
    expect(wanted(plannedStep(first), plannedStep(second, { tier: 1 }), barred(third, 2))).toEqual(
      [],
    )
  })

  it('asks for all of them when all are barred', () => {
    expect(wanted(barred(first, 0), barred(second, 1), barred(third, 2))).toEqual([
      first,
      second,
      third,
    ])
  })
})
