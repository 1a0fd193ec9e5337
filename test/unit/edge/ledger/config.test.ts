import { describe, expect, it } from 'vitest'
import type { Isolate } from '../../../../worker/edge/isolate.ts'
import { readConfig } from '../../../../worker/edge/config.ts'
import { ledgerComposition } from '../../../../worker/edge/ledger/composition.ts'
import { fakeRuntime, settings } from '../../../support/fake-host.ts'

function settingsOf(ledger: object) {
  const isolate = { runtime: fakeRuntime({ ...settings, ledger }) } as unknown as Isolate
  return ledgerComposition(() => isolate).settingsOf({})
}

describe('the ledger of routes.json', () => {
  it('keeps lines for 400 days and gives nothing back that it does not know, when nothing is said', () => {
    const { keepLinesMs, ledger } = settingsOf({})
    expect([keepLinesMs / 86_400_000, ledger.lostPolicy]).toEqual([400, 'strict'])
  })

  it('says how long lines are kept, and how much of a cap may come back unproven', () => {
    const { keepLinesMs, ledger } = settingsOf({ keepLinesDays: 90, boundedRefundPercent: 0.29 })
    expect(keepLinesMs / 86_400_000).toBe(90)
    expect(ledger.lostPolicy).toEqual({ boundedBasisPoints: 29 })
  })

  it.each([
    [{ keepLinesDays: 0 }, 'ledger.keepLinesDays'],
    [{ keepLinesDays: 1.5 }, 'ledger.keepLinesDays'],
    [{ boundedRefundPercent: 0 }, 'ledger.boundedRefundPercent'],
    [{ boundedRefundPercent: 6 }, 'ledger.boundedRefundPercent'],
    [{ boundedRefundPercent: 0.005 }, 'ledger.boundedRefundPercent'],
  ])('refuses %j', (ledger, path) => {
    const read = readConfig({ ...settings, ledger }, { local: true })
    expect(read.ok ? [] : read.problems.map((problem) => problem.path)).toContain(path)
  })
})
