import { Ajv } from 'ajv'
import { describe, expect, it } from 'vitest'
import { sampleValue } from '../../../simulator/sample-value.ts'

const ajv = new Ajv({
  strict: false,
  formats: { email: true, date: true, 'date-time': true, uri: true, uuid: true },
})

const schemas: Record<string, object> = {
  'nested objects': {
    type: 'object',
    properties: {
      place: {
        type: 'object',
        properties: {
          city: { type: 'string' },
          zip: { type: 'string', minLength: 12, maxLength: 14 },
        },
        required: ['city', 'zip'],
        additionalProperties: false,
      },
    },
    required: ['place'],
  },
  enums: { type: 'object', properties: { unit: { enum: ['c', 'f'] } }, required: ['unit'] },
  'numbers with bounds': {
    type: 'object',
    properties: {
      a: { type: 'integer', minimum: 10, maximum: 12 },
      b: { type: 'number', exclusiveMinimum: 0, maximum: 0.3 },
      c: { type: 'integer', multipleOf: 7, minimum: 8 },
      d: { type: 'number', minimum: -5, maximum: -3 },
      e: { type: 'integer', exclusiveMinimum: 1, exclusiveMaximum: 3 },
    },
    required: ['a', 'b', 'c', 'd', 'e'],
  },
  'arrays with sizes': { type: 'array', items: { type: 'string' }, minItems: 3, uniqueItems: true },
  'unique enums': { type: 'array', items: { enum: [1, 2, 3] }, minItems: 3, uniqueItems: true },
  'no array items allowed': { type: 'array', items: { type: 'string' }, maxItems: 0 },
  'anyOf with null': {
    type: 'object',
    properties: { x: { anyOf: [{ type: 'null' }, { type: 'integer' }] } },
  },
  allOf: {
    allOf: [
      { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
      { properties: { b: { type: 'boolean' } }, required: ['b'] },
    ],
  },
  'type lists': { type: ['null', 'string'] },
  const: { const: { deep: [1] } },
  formats: { type: 'object', properties: { when: { type: 'string', format: 'date-time' } } },
  pattern: { type: 'string', pattern: '^[A-Z]{3}$' },
  recursion: {
    $ref: '#/$defs/node',
    $defs: {
      node: {
        type: 'object',
        properties: {
          name: { type: 'string' },
          next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] },
          children: { type: 'array', items: { $ref: '#/$defs/node' } },
        },
        required: ['name', 'next', 'children'],
      },
    },
  },
}

describe('sampleValue()', () => {
  it.each(Object.entries(schemas))('gives a valid value for %s', (_name, schema) => {
    const validate = ajv.compile(schema)
    const value = sampleValue(schema)
    expect({ valid: validate(value), errors: validate.errors }).toEqual({
      valid: true,
      errors: null,
    })
  })

  it.each<[string, object]>([
    ['refers to itself and to nothing else', { $ref: '#' }],
    [
      'refers to itself round a corner',
      { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } },
    ],
    ['requires itself', { type: 'object', properties: { a: { $ref: '#' } }, required: ['a'] }],
    [
      'requires itself twice',
      {
        type: 'object',
        properties: { a: { $ref: '#' }, b: { $ref: '#' } },
        required: ['a', 'b'],
      },
    ],
    ['is a list of itself', { type: 'array', items: { $ref: '#' }, minItems: 3 }],
    ['is all of itself', { allOf: [{ $ref: '#' }] }],
    ['is any of itself', { anyOf: [{ $ref: '#' }, { $ref: '#' }] }],
    ['asks for a list that no one can hold', { type: 'array', minItems: 4_000_000_000 }],
    ['asks for a text that no one can hold', { type: 'string', minLength: 4_000_000_000 }],
  ])('comes to an end where a schema %s', (_name, schema) => {
    const started = performance.now()
    expect(JSON.stringify(sampleValue(schema)).length).toBeLessThan(200_000)
    expect(performance.now() - started).toBeLessThan(500)
  })

  it('gives the same value every time', () => {
    expect(sampleValue(schemas['nested objects'])).toEqual(sampleValue(schemas['nested objects']))
  })

  it('leaves optional properties out where some are required', () => {
    const schema = { type: 'object', properties: { a: { type: 'string' }, b: {} }, required: ['a'] }
    expect(sampleValue(schema)).toEqual({ a: 'sample a' })
  })

  it("reads Gemini's upper-case types", () => {
    const schema = { type: 'OBJECT', properties: { n: { type: 'INTEGER' } }, required: ['n'] }
    expect(sampleValue(schema)).toEqual({ n: 1 })
  })
})
