import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OverlapFilter, overlapOf } from '../../../worker/engine/overlap.ts'

/** What the client has when the second part comes in these pieces. */
function joined(told: string, ...pieces: readonly string[]): string {
  const filter = new OverlapFilter(told)
  return told + pieces.map((piece) => filter.push(piece)).join('') + filter.flush()
}

describe('OverlapFilter', () => {
  it.each([
    ['words that are said again', 'The cat sat on', ['sat on the mat.'], 'The cat sat on the mat.'],
    ['a word that was cut', 'Hello wor', ['world'], 'Hello world'],
    ['all of it', 'The cat', ['The cat sat.'], 'The cat sat.'],
    ['the longer of two', 'go so so', [' so so it is'], 'go so so it is'],
    ['pieces of any size', 'The cat sat on', ['s', 'at ', 'on', ' the'], 'The cat sat on the'],
  ])('leaves out %s', (_name, told, pieces, all) => {
    expect(joined(told, ...pieces)).toBe(all)
  })

  it.each([
    ['digits of a number', 'It costs 10', ['00 dollars'], 'It costs 1000 dollars'],
    ['the middle of a word', 'a ban', ['ana split'], 'a banana split'],
    ['a list number', '1. one\n1', ['1. eleven'], '1. one\n11. eleven'],
    ['nothing alike', 'The cat', [' sat.'], 'The cat sat.'],
  ])('takes no repetition for %s', (_name, told, pieces, all) => {
    expect(joined(told, ...pieces)).toBe(all)
  })

  it('gives white space once that the second target was not told of', () => {
    expect(joined('if x:\n    ', '\n        return')).toBe('if x:\n        return')
    expect(joined('Hello ', ' world')).toBe('Hello world')
    expect(joined('Hello ', 'world')).toBe('Hello world')
    expect(joined('One.\n\n', '\n', '\nTwo.')).toBe('One.\n\nTwo.')
  })

  it('holds nothing back that can be no repetition', () => {
    const filter = new OverlapFilter('The cat sat on')
    expect(filter.push('the')).toBe('the')
    expect(filter.push(' mat')).toBe(' mat')
  })

  it('looks back 200 characters and no further', () => {
    const told = `${'word '.repeat(100)}end`
    expect(overlapOf(told, told.slice(-200))).toBe(200)
    expect(overlapOf(told, told.slice(-201))).toBeLessThan(200)
  })

  const words = fc.array(fc.constantFrom('the', 'cat', 'sat', 'on', 'a', 'mat', 'Über', '猫'), {
    minLength: 1,
    maxLength: 60,
  })

  it('gives a text once for every repetition of its last words, in any pieces', () => {
    fc.assert(
      fc.property(
        words,
        words,
        fc.nat(12),
        fc.array(fc.nat(9), { maxLength: 20 }),
        (a, b, again, cuts) => {
          const told = a.join(' ')
          const rest = ` #${b.join(' ')}`
          const repeated = a.slice(-again).join(' ')
          const second = again === 0 || repeated.length > 200 ? rest : repeated + rest
          const pieces: string[] = []
          let left = second
          for (const cut of cuts) {
            pieces.push(left.slice(0, cut))
            left = left.slice(cut)
          }
          return joined(told, ...pieces, left) === told + rest
        },
      ),
      { seed: 71, verbose: 1, numRuns: 500 },
    )
  })

  it('loses no character that is not at the end of the first part', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), fc.string({ maxLength: 300 }), (told, second) => {
        const all = joined(told, second)
        const dropped = told.length + second.length - all.length
        return dropped >= 0 && dropped <= 200 && all.endsWith(second.slice(dropped))
      }),
      { seed: 72, verbose: 1, numRuns: 500 },
    )
  })
})
