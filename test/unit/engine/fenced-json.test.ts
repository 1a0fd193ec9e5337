import { describe, expect, it } from 'vitest'
import { unfenced } from '../../../worker/engine/fenced-json.ts'

describe('unfenced()', () => {
  it.each([
    ['{"a":1}', '{"a":1}'],
    ['  {"a":1}\n', '{"a":1}'],
    ['```json\n{"a":1}\n```', '{"a":1}'],
    ['```\n{"a":1}\n```', '{"a":1}'],
    ['```{"a":1}```', '{"a":1}'],
    ['``````', ''],
    ['```', '```'],
    ['`````', '`````'],
    ['```json\n{"a":1}', '```json\n{"a":1}'],
    ['see ```json\n{}\n```', 'see ```json\n{}\n```'],
  ])('makes of %j %j', (text, bare) => {
    expect(unfenced(text)).toBe(bare)
  })

  it('takes a text of a million line ends as it takes any other', () => {
    const blank = '\n'.repeat(1_000_000)
    expect(unfenced(`\`\`\`json${blank}x`)).toBe(`\`\`\`json${blank}x`)
    expect(unfenced(`\`\`\`json${blank}\`\`\``)).toBe('')
  })
})
