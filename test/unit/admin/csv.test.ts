import { describe, expect, it } from 'vitest'
import { csvLine } from '../../../worker/admin/csv.ts'

describe('csvLine()', () => {
  it('ends with CRLF, and leaves out what is not known', () => {
    expect(csvLine(['a', 1, null, { amount: '0.02' }])).toBe('a,1,,0.02\r\n')
  })

  it.each([
    ['a comma', 'a,b', '"a,b"'],
    ['a quote', 'a"b', '"a""b"'],
    ['a line break', 'a\r\nb', '"a\r\nb"'],
    ['a space at an end', 'a ', '"a "'],
    ['nothing special', 'gpt-4.1@openai', 'gpt-4.1@openai'],
  ])('quotes %s as RFC 4180 has it', (_name, text, cell) => {
    expect(csvLine([text])).toBe(`${cell}\r\n`)
  })

  it.each([
    ['=', '=1+1', "'=1+1"],
    ['+', '+1', "'+1"],
    ['-', '-1', "'-1"],
    ['@', '@SUM(A1)', "'@SUM(A1)"],
    ['a model of Workers AI', '@cf/meta/llama@cf', "'@cf/meta/llama@cf"],
    ['a tab', '\t=1', `"'\t=1"`.replace(`"'`, `'`).replace(/"$/, '')],
    ['a space before it', ' =1', "' =1"],
    ['a line break before it', '\n=1', `"'\n=1"`],
    ['full width', '＝1', "'＝1"],
    [
      'a link',
      '=HYPERLINK("http://evil.example","x")',
      `"'=HYPERLINK(""http://evil.example"",""x"")"`,
    ],
  ])('puts a text that begins a formula by %s behind an apostrophe', (_name, text, cell) => {
    expect(csvLine([text])).toBe(`${cell}\r\n`)
  })

  it('lets no text begin a cell of its own', () => {
    expect(csvLine(['a",=1+1,"b'])).toBe('"a"",=1+1,""b"\r\n')
  })

  it('leaves amounts as they are, also below zero: a column has to add up', () => {
    expect(csvLine([{ amount: '-0.02' }])).toBe('-0.02\r\n')
  })
})
