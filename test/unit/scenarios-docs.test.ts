import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const root = new URL('../../', import.meta.url)
const page = readFileSync(new URL('docs/scenarios.md', root), 'utf8')
const rows = [...page.matchAll(/`(test\/\S+\.test\.ts)`: "([^"]+)"/g)].map(
  ([, file = '', title = '']) => [file, title] as const,
)

describe('docs/scenarios.md', () => {
  it('names a test in every row of its tables', () => {
    const told = page.split('\n').filter((line) => /^\| [A-Z]/.test(line))
    expect(told.length).toBeGreaterThan(15)
    expect(rows).toHaveLength(told.length)
  })

  it.each(rows)('%s has "%s"', (file, title) => {
    expect(readFileSync(new URL(file, root), 'utf8')).toContain(title)
  })
})
