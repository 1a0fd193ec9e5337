import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { flatText } from '../../../worker/canonical/flat-text.ts'
import { newRequestId } from '../../../worker/edge/request-id.ts'

describe('flatText()', () => {
  it('is the same text, whatever it was made of', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (parts) => {
        const text = parts.join('')
        expect(flatText(text)).toBe(text)
        expect(flatText(parts.reduce((whole, part) => whole + part, ''))).toBe(text)
      }),
    )
  })

  it('keeps characters of two code units whole', () => {
    expect(flatText('😀')).toBe('😀')
    expect(flatText('')).toBe('')
    expect(flatText('é')).toBe('é')
  })
})

describe('newRequestId()', () => {
  it('is another one each time, of one form', () => {
    const ids = Array.from({ length: 1000 }, newRequestId)
    expect(new Set(ids).size).toBe(1000)
    for (const id of ids) expect(id).toMatch(/^req_[0-9a-f]{32}$/)
  })
})
