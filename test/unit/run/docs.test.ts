import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from '../../../scripts/local-gateway.ts'
import { readConfig } from '../../../worker/edge/config.ts'

/** Every `json` block of these pages is a part of a routes.json that loads. */

interface Part {
  readonly providers?: object
  readonly targets?: object
  readonly routes?: object
  readonly tenants?: object
}

const shipped = JSON.parse(readFileSync(join(root, 'routes.json'), 'utf8')) as Required<Part>

function partsOf(page: string): readonly Part[] {
  const text = readFileSync(join(root, 'docs', page), 'utf8')
  return [...text.matchAll(/^```json\n([^]*?)^```$/gm)].map(
    ([, block = '']) => JSON.parse(block) as Part,
  )
}

describe.each(['residency.md', 'jobs.md'])('docs/%s', (page) => {
  it.each(partsOf(page).map((part) => [part]))('loads: %o', (part) => {
    const file = {
      ...shipped,
      providers: { ...shipped.providers, ...part.providers },
      targets: { ...shipped.targets, 'gpt-4.1@openai': {}, ...part.targets },
      routes: { ...shipped.routes, ...part.routes },
      tenants: { ...shipped.tenants, ...part.tenants },
    }
    const read = readConfig(file, { local: false })
    expect(read.ok ? [] : read.problems).toEqual([])
  })

  it('has examples', () => {
    expect(partsOf(page).length).toBeGreaterThan(0)
  })
})
