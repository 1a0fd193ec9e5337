import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkSchema } from '../../../worker/engine/schema/check-schema.ts'

function fault(schema: unknown, value: unknown): string {
  const result = checkSchema(schema, value)
  return result.kind === 'invalid' ? `${result.fault.path} ${result.fault.keyword}` : result.kind
}

const order = {
  type: 'object',
  required: ['id', 'items'],
  additionalProperties: false,
  properties: {
    id: { type: 'integer', minimum: 1 },
    note: { type: ['string', 'null'], maxLength: 5 },
    items: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        required: ['name'],
        properties: { name: { type: 'string' }, size: { enum: ['s', 'm', 'l'] } },
      },
    },
  },
}

/** A schema whose work doubles with each level, and which is no deeper than `levels`. */
function doubling(levels: number): object {
  let schema: object = { type: 'number' }
  for (let level = 0; level < levels; level++) schema = { allOf: [schema, schema] }
  return schema
}

describe('checkSchema()', () => {
  it.each([
    [{ id: 1, items: [{ name: 'a' }] }, 'valid'],
    [{ id: 1, note: null, items: [{ name: 'a', size: 'm' }] }, 'valid'],
    [{ items: [{ name: 'a' }] }, '$ required'],
    [{ id: 0, items: [{ name: 'a' }] }, '$.id minimum'],
    [{ id: 1.5, items: [{ name: 'a' }] }, '$.id type'],
    [{ id: 1, note: 'too long', items: [{ name: 'a' }] }, '$.note maxLength'],
    [{ id: 1, items: [] }, '$.items minItems'],
    [{ id: 1, items: [{ name: 'a' }, { name: 2 }] }, '$.items[1].name type'],
    [{ id: 1, items: [{ name: 'a', size: 'xl' }] }, '$.items[0].size enum'],
    [{ id: 1, items: [{ name: 'a' }], more: 1 }, '$ additionalProperties'],
    [[], '$ type'],
  ])('says where %j breaks its schema: %s', (value, expected) => {
    expect(fault(order, value)).toBe(expected)
  })

  it('never names a key that only the answer knows: that is its text', () => {
    const schema = { type: 'object', additionalProperties: { type: 'string' } }
    expect(fault(schema, { 'the secret of grandmother': 1 })).toBe('$.* type')
  })

  it('knows no names but those of the schema, whatever every object has', () => {
    const schema = { type: 'object', properties: {}, additionalProperties: false }
    const value: unknown = JSON.parse('{"constructor":1}')
    expect(fault(schema, value)).toBe('$ additionalProperties')
    expect(fault({ required: ['constructor'] }, {})).toBe('$ required')
  })

  it('follows references inside the schema, also those that come round again', () => {
    const tree = {
      $ref: '#/$defs/node',
      $defs: {
        node: {
          type: 'object',
          required: ['value'],
          properties: { value: { type: 'number' }, next: { $ref: '#/$defs/node' } },
        },
      },
    }
    expect(fault(tree, { value: 1, next: { value: 2 } })).toBe('valid')
    expect(fault(tree, { value: 1, next: { value: 'x' } })).toBe('$.next.value type')
    expect(fault({ $ref: '#' }, 1)).toBe('unknown')
    expect(fault({ $ref: 'https://elsewhere.example/schema' }, 1)).toBe('unknown')
  })

  it('holds nothing against a value that it cannot judge, whatever stands around it', () => {
    const word = { type: 'string', pattern: '^(a+)+$' }
    expect(fault(word, 'b')).toBe('unknown')
    expect(fault({ not: word }, 'b')).toBe('unknown')
    expect(fault({ oneOf: [word, { type: 'string', format: 'email' }] }, 'b')).toBe('unknown')
    expect(fault({ anyOf: [word, { type: 'number' }] }, 'b')).toBe('unknown')
    expect(fault({ patternProperties: { x: {} }, additionalProperties: false }, { y: 1 })).toBe(
      'unknown',
    )
    // What can be judged beside it still is.
    expect(fault(word, 1)).toBe('$ type')
  })

  it('ends, however large the work: it gives up and says so', () => {
    const everything = Array.from({ length: 40 }, () => ({ $ref: '#' }))
    expect(fault({ allOf: everything }, {})).toBe('unknown')
    const many = Array.from({ length: 30_000 }, (_, index) => ({ index }))
    expect(fault({ uniqueItems: true }, many)).toBe('unknown')
    const nested = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
    const twins = JSON.parse(`[${nested},${nested}]`) as unknown
    expect(fault({ uniqueItems: true }, twins)).toBe('unknown')
    // Each level asks the next one twice: 2,000 steps, and a million.
    expect(fault(doubling(10), 1)).toBe('valid')
    expect(fault(doubling(20), 1)).toBe('unknown')
    let deep: unknown = 1
    for (let level = 0; level < 5000; level++) deep = [deep]
    expect(fault({ $defs: { a: { items: { $ref: '#/$defs/a' } } }, $ref: '#/$defs/a' }, deep)).toBe(
      'unknown',
    )
  })

  it('says of every schema that it judges what Ajv says', () => {
    const ajv = new Ajv2020({ strict: false, ownProperties: true, logger: false })
    fc.assert(
      fc.property(rootSchemas(), values(3), (schema, value) => {
        const result = checkSchema(schema, value)
        if (result.kind === 'unknown') return
        expect(result.kind).toBe(ajv.validate(schema, value) ? 'valid' : 'invalid')
      }),
      { numRuns: 500, seed: Number(process.env['SEED'] ?? 4711) },
    )
  }, 60_000)
})

const names = fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor')
const scalars = fc.oneof(
  fc.constantFrom(null, true, false, '', 'a', 'ab', 'abc', '😀', 0, 1, 1.5, -1, 2, 10),
)

function values(depth: number): fc.Arbitrary<unknown> {
  if (depth === 0) return scalars
  const inner = values(depth - 1)
  const object = fc
    .array(fc.tuple(names, inner), { maxLength: 3 })
    .map((entries) => JSON.parse(`{${entries.map(pair).join(',')}}`) as unknown)
  return fc.oneof(scalars, fc.array(inner, { maxLength: 3 }), object)
}

function pair([name, value]: readonly [string, unknown]): string {
  return `${JSON.stringify(name)}:${JSON.stringify(value)}`
}

function conditional([condition, then, otherwise]: readonly unknown[]): object {
  return Object.fromEntries([
    ['if', condition],
    // eslint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
    ['then', then],
    ['else', otherwise],
  ])
}

const smallCount = fc.integer({ min: 0, max: 3 })

/** Schemas with references to the one definition of the root, which has none itself: Ajv does not end on those that come round. */
function rootSchemas(): fc.Arbitrary<object> {
  const root = schemas(3, true).map((schema) => (typeof schema === 'object' ? schema : { not: {} }))
  return fc.tuple(root, schemas(1, false)).map(([schema, x]) => ({ ...schema, $defs: { x } }))
}

function schemas(depth: number, mayRefer: boolean): fc.Arbitrary<unknown> {
  const types = fc.constantFrom('null', 'boolean', 'string', 'number', 'integer', 'array', 'object')
  const scalarRules = [
    fc.record({ type: types }),
    fc.record({ type: fc.uniqueArray(types, { minLength: 1, maxLength: 3 }) }),
    fc.record({ enum: fc.uniqueArray(scalars, { minLength: 1, maxLength: 3 }) }),
    fc.record({ const: scalars }),
    fc.record({ minLength: smallCount, maxLength: smallCount }),
    fc.record({ minimum: smallCount, exclusiveMaximum: smallCount }),
    fc.record({ multipleOf: fc.constantFrom(1, 2, 0.5) }),
    fc.record({ minItems: smallCount, maxItems: smallCount, uniqueItems: fc.boolean() }),
    fc.record({ minProperties: smallCount, maxProperties: smallCount }),
    fc.record({ required: fc.uniqueArray(names, { maxLength: 2 }) }),
    fc.constantFrom(true, false, {}),
  ]
  if (depth === 0) return fc.oneof(...scalarRules)
  const inner = schemas(depth - 1, mayRefer)
  const some = fc.array(inner, { minLength: 1, maxLength: 3 })
  const properties = fc
    .array(fc.tuple(fc.constantFrom('a', 'b', 'constructor'), inner), { maxLength: 3 })
    .map((entries) => Object.fromEntries(entries))
  return fc.oneof(
    ...scalarRules,
    fc.record({ properties, additionalProperties: inner }),
    fc.record({
      type: fc.constant('object'),
      properties,
      additionalProperties: fc.constant(false),
    }),
    fc.record({ items: inner }),
    fc.record({ prefixItems: some, items: inner }),
    fc.record({ contains: inner, minContains: smallCount, maxContains: smallCount }),
    fc.record({ propertyNames: inner }),
    fc.record({ allOf: some }),
    fc.record({ anyOf: some }),
    fc.record({ oneOf: some }),
    fc.record({ not: inner }),
    fc.tuple(inner, inner, inner).map(conditional),
    fc.record({
      dependentRequired: fc.constant({ a: ['b'] }),
      dependentSchemas: fc.record({ b: inner }),
    }),
    ...(mayRefer ? [fc.constant({ $ref: '#/$defs/x' })] : []),
  )
}
