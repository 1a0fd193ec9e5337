import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { compileGlob, compileGlobs } from '../../../worker/policy/glob.ts'
import { CountedText } from '../../support/counted-text.ts'

// Thousands of cases: a busy machine may take its time.
vi.setConfig({ testTimeout: 60_000 })

/** What a pattern means, said by the language's own expressions. */
function says(pattern: string, text: string): boolean {
  const parts = pattern
    .split('*')
    .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
  return new RegExp(`^${parts.join('[^]*')}$`).test(text)
}

describe('compileGlob()', () => {
  it.each([
    ['gpt-4.1@openai', 'gpt-4.1@openai', true],
    ['gpt-4.1@openai', 'gpt-4x1@openai', false],
    ['*@openai', 'gpt-4.1@openai', true],
    ['*@openai', 'gpt-4.1@openai-eu', false],
    ['claude-*', 'claude-sonnet-4-5@bedrock', true],
    ['*mini*', 'gpt-4.1-mini@openai', true],
    ['a*a', 'a', false],
    ['*', '', true],
    ['', 'x', false],
    ['a*b*c', 'a-c-b', false],
    ['*aab*', 'aaab', true],
    ['*abac*', 'xababacx', true],
    ['a*ab', 'ab', false],
  ])('%s on "%s" is %s', (pattern, text, expected) => {
    expect(compileGlob(pattern)(text)).toBe(expected)
  })

  it('means what the pattern says, for every pattern and text', () => {
    const few = fc.string({ unit: fc.constantFrom('a', 'b', '*', '.'), maxLength: 12 })
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 24 })
    fc.assert(
      fc.property(few, text, (pattern, value) => {
        expect(compileGlob(pattern)(value)).toBe(says(pattern, value))
      }),
      { numRuns: 3000 },
    )
  })

  it('finds a piece behind every false start', () => {
    const letters = (maxLength: number) =>
      fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength })
    fc.assert(
      fc.property(letters(5), letters(12), (piece, value) => {
        expect(compileGlob(`*${piece}*`)(value)).toBe(value.includes(piece))
      }),
      { numRuns: 3000 },
    )
  })

  it('takes one of several', () => {
    const matches = compileGlobs(['*@openai', '*@azure-*'])
    expect(['a@openai', 'a@azure-eu', 'a@mistral'].map(matches)).toEqual([true, true, false])
  })

  it('reads a text at most twice, however hard pattern and text make it', () => {
    const hard = [
      ['*aaaab*aaaab*aaaab*', 'a'],
      [`*${'a'.repeat(100)}b*`, 'a'],
      ['*ab*ab*ab*ab*ab*ab*ac', 'ab'],
    ] as const
    for (const [pattern, unit] of hard) {
      for (const length of [1000, 10_000]) {
        const text = new CountedText(unit.repeat(length / unit.length))
        compileGlob(pattern)(text)
        expect(text.reads).toBeLessThanOrEqual(2 * length + pattern.length)
      }
    }
  })
})
