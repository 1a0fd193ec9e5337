import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { toolText } from '../../worker/canonical/tool-text.ts'

const read = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

describe('toolText()', () => {
  test('gives the text to whatever is not deployed', () => {
    expect(toolText('a text')).toBe('a text')
  })

  test('goes by a name that wrangler.toml defines as false', () => {
    const [, name = ''] =
      /typeof (\w+) === 'undefined'/.exec(read('worker/canonical/tool-text.ts')) ?? []
    expect(name).not.toBe('')
    expect(read('wrangler.toml')).toMatch(
      new RegExp(`^\\[define\\]\\n(?:#.*\\n)*${name} = "false"$`, 'm'),
    )
  })
})
