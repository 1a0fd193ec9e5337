import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { compatibleRows } from '../../worker/providers/compatible-rows.ts'
import { adapters } from '../../worker/providers/index.ts'
import { checkCase } from './check-case.ts'
import { listFixtures, type RecordedCase } from './corpus.ts'
import { adapterFor } from './routing.ts'
import { quickEffort } from './splits.ts'

const seed = 20261120
const fixtures = listFixtures(fileURLToPath(new URL('../fixtures/providers', import.meta.url)))

describe(`every recorded exchange, seed ${seed}`, () => {
  test.each(fixtures.map((recorded) => [recorded.id, recorded] as const))(
    '%s',
    async (_id, recorded) => {
      const result = await checkCase(recorded, {
        effort: quickEffort,
        seed,
        differential: true,
        strict: true,
      })
      expect(result.faults).toEqual([])
      expect(result.outcome).toBe('passed')
    },
    60_000,
  )
})

describe('the registry', () => {
  const unverified = new Set(
    compatibleRows.filter((row) => row.verified === 'unverified').map((row) => row.id),
  )
  // Nobody has published a recording of its REST form: hand-written cases after the vendor's page.
  const onlySynthetic = new Set(['workers-ai'])
  const adaptersOf = (cases: readonly RecordedCase[]): (string | undefined)[] => [
    ...new Set(cases.map((recorded) => adapterFor(recorded)?.id)),
  ]
  const isReal = ({ meta }: RecordedCase): boolean => !meta.tags.includes('synthetic')
  const claiming = [...adapters.keys()].filter((id) => !unverified.has(id))

  test.each(claiming)('%s has at least one recorded exchange', (id) => {
    const counted = onlySynthetic.has(id) ? fixtures : fixtures.filter(isReal)
    expect(adaptersOf(counted)).toContain(id)
  })

  test.each([...unverified])('%s is labelled unverified because it has none', (id) =>
    expect(adaptersOf(fixtures.filter(isReal))).not.toContain(id),
  )
})
