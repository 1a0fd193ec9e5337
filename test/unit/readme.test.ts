import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import routes from '../../routes.json' with { type: 'json' }
import { compatibleRows } from '../../worker/providers/compatible-rows.ts'

/** What the README says of the code, held against the code. */

const readme = readFileSync(join(resolve(import.meta.dirname, '../..'), 'README.md'), 'utf8')

describe('README.md', () => {
  it('names the providers of routes.json that are checked on no recorded traffic, and no others', () => {
    const list = /`unverified` in the code\):([^]*?)\. Workers AI is/.exec(readme)?.[1] ?? ''
    const named = [...list.matchAll(/`([a-z-]+)`/g)].map(([, id = '']) => id)
    const unverified = compatibleRows.filter(({ verified }) => verified === 'unverified')
    expect(named.toSorted()).toEqual(unverified.map(({ id }) => id).toSorted())
  })

  it('shows the route "chat" as it is shipped', () => {
    const tiers = /"chat": \{\s*"tiers": (\[.*\]),$/m.exec(readme)?.[1] ?? ''
    expect(JSON.parse(tiers)).toEqual(routes.routes.chat.tiers)
  })
})
