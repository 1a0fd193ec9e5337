import { describe, expect, it } from 'vitest'
import { gatewayError } from '../../../worker/canonical/errors.ts'
import type { Failed } from '../../../worker/engine/climb.ts'
import { followed, refusedBy } from '../../../worker/engine/ladder-failure.ts'
import { plannedStep } from '../../support/fake-host.ts'

const twice: Failed = {
  kind: 'failed',
  failures: [{ class: 'timeout', message: 'too slow' }],
  unpaid: null,
  openUntilMs: null,
  step: plannedStep('m@a'),
  records: [1, 2].map(() => ({ target: 'm@a', outcome: 'timeout', durationMs: 9 }) as const),
  reason: 'tier 1',
  calls: 2,
}

describe('followed()', () => {
  it('goes on counting calls where a rung made none: no two attempts have one number', () => {
    const shed = refusedBy(gatewayError('no_healthy_target', 503, 'all are full'), twice.step)
    expect(followed(twice, shed, 'capacity')).toMatchObject({ kind: 'failed', calls: 2 })
    const third: Failed = { ...twice, records: twice.records.slice(1), calls: 3 }
    expect(followed(twice, third, 'slow')).toMatchObject({ calls: 3 })
  })
})
