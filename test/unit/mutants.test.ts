import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { mutants } from '../mutants/mutants.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Quick: whether a mutant is noticed is for `npm run mutants`; that it still has its place is checked here. */
describe('the mutants', () => {
  it('have one id each', () => {
    const ids = mutants.map(({ id }) => id)
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([])
  })

  it.each(mutants.map((mutant) => [mutant.id, mutant] as const))(
    'find their one place: %s (moved code takes its mutant along: docs/mutants.md)',
    (_id, { file, find, replace, killedBy }) => {
      expect(readFileSync(root + file, 'utf8').split(find)).toHaveLength(2)
      expect(replace).not.toBe(find)
      for (const test of killedBy) expect(existsSync(root + test), test).toBe(true)
    },
  )
})
