import { readFileSync } from 'node:fs'
import * as z from 'zod/mini'
import { describe, expect, test } from 'vitest'
import { described } from '../../../durable-objects/described.ts'
import { lazily } from '../../../durable-objects/lazily.ts'
import { bodySchemas } from '../../../scripts/schema.ts'
import { readConfig } from '../../../worker/edge/config.ts'

describe('described()', () => {
  test('is told in the JSON schema, with the id of a shape that stands in many places', () => {
    const width = described(z.int(), 'Of a page, mm.', 'width')
    expect(z.toJSONSchema(z.strictObject({ from: width, to: width }))).toMatchObject({
      properties: { from: { $ref: '#/$defs/width' }, to: { $ref: '#/$defs/width' } },
      $defs: { width: { type: 'integer', description: 'Of a page, mm.' } },
    })
  })

  test('refuses what is described already: the first description would be gone', () => {
    const width = described(z.int(), 'Of a page, mm.')
    expect(() => described(width, 'Of a line, mm.')).toThrow('Of a line, mm.')
  })
})

test('lazily() makes nothing before it is asked, and one thing however often it is', () => {
  let made = 0
  const thing = lazily(() => ({ number: ++made }))
  expect(made).toBe(0)
  expect([thing(), thing()]).toEqual([{ number: 1 }, { number: 1 }])
  expect(thing()).toBe(thing())
})

test('the schemas of bodies in the OpenAPI document are those that bodies are held against', () => {
  const file = new URL('../../../worker/admin/body-schemas.json', import.meta.url)
  expect(readFileSync(file, 'utf8')).toBe(bodySchemas())
})

// zod/mini alone says "Invalid input" of everything.
test('a bad file is refused in words, with the rule', () => {
  const read = readConfig({ providers: 7 }, { local: true })
  expect(read.ok ? [] : read.problems).toContainEqual({
    path: 'providers',
    rule: 'Invalid input: expected record, received number',
    value: 7,
  })
})
