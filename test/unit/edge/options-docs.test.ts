import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import schema from '../../../routes.schema.json' with { type: 'json' }
import { root } from '../../../scripts/local-gateway.ts'
import { optionsIn, optionsOf, type SchemaNode } from '../../support/config-options.ts'

/** Pages whose every example is run by a test, and the test. */
const pages: Readonly<Record<string, string>> = {
  'routing.md': 'test/unit/edge/routing-docs.test.ts',
  'routing-objectives.md': 'test/unit/edge/ranking-docs.test.ts',
  'degrade.md': 'test/unit/ladder/degrade-docs.test.ts',
  'hedging.md': 'test/unit/engine/hedging-docs.test.ts',
  'jobs.md': 'test/unit/run/docs.test.ts',
  'residency.md': 'test/unit/run/docs.test.ts',
}

const textOf = (page: string) => readFileSync(join(root, 'docs', page), 'utf8')
const examplesOf = (page: string) =>
  [...textOf(page).matchAll(/^```json\n([^]*?)^```$/gm)].map(
    ([, block = '']) => JSON.parse(block) as object,
  )
/** Of hedging.md: parts of a route. */
const partOf = (page: string, example: object) =>
  page === 'hedging.md' ? { routes: { chat: example } } : example
const options = optionsOf(schema as SchemaNode)

describe('options of routes.json', () => {
  it('are found, wherever they stand', () => {
    for (const option of [
      'limits.maxBodyBytes',
      'routes.*.tiers.[].intent',
      'routes.*.tiers.[].[].weight',
      'constraint.require',
      'targets.*.family',
      'rules.[].then.refuse.status',
      'tenants.*.residency',
    ])
      expect(options).toContain(option)
  })

  it('are seen in an example only where it sets them', () => {
    const shown = optionsIn(schema as SchemaNode, {
      routes: { chat: { tiers: [['a@b'], { targets: [{ target: 'c@d' }] }], nonsense: 1 } },
    })
    expect([...shown].toSorted()).toEqual([
      'routes',
      'routes.*.tiers',
      'routes.*.tiers.[].targets',
      'routes.*.tiers.[].targets.[].target',
    ])
  })

  it('each stand in an example that a test runs', () => {
    const shown = new Set(
      Object.keys(pages).flatMap((page) =>
        examplesOf(page).flatMap((example) => [
          ...optionsIn(schema as SchemaNode, partOf(page, example)),
        ]),
      ),
    )
    expect([...options].filter((option) => !shown.has(option))).toEqual([])
  })

  it('each are named in docs/routing.md', () => {
    const page = textOf('routing.md')
    const names = [...options].map((option) => option.slice(option.lastIndexOf('.') + 1))
    expect([...new Set(names)].filter((name) => !page.includes(`\`${name}\``))).toEqual([])
  })

  it('have pages whose test is there, and links to them that lead somewhere', () => {
    for (const [page, test] of Object.entries(pages)) {
      const source = readFileSync(join(root, test), 'utf8')
      expect([page, source.includes(`'${page}'`) || source.includes(`docs/${page}`)]).toEqual([
        page,
        true,
      ])
      const isLinked = page === 'routing.md' || textOf('routing.md').includes(`](${page}`)
      expect([page, isLinked]).toEqual([page, true])
    }
  })
})
