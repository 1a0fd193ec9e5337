import { $constructor } from 'zod/v4/core'
import * as z from 'zod/mini'
import { isObject } from './path.ts'

// Named with their types, because `init` asserts (TS2775).
const zodArray: z.core.$constructor<z.ZodMiniArray> = z.ZodMiniArray
const zodRecord: z.core.$constructor<z.ZodMiniRecord> = z.ZodMiniRecord

/**
 * Arrays and dictionaries that are read up to their first fault. zod goes on to
 * the end and makes an issue of every bad element: a body of zeros of 0.3 MB
 * was 0.5 s and ended in a `RangeError` (zod 4.6.7, `handleArrayResult`), and a
 * caller is told of the first one only. Its own `abortEarly` does not do: it
 * passes over dictionaries, and over rules for a value (`minLength`).
 */
const List = $constructor<z.ZodMiniArray>('SwitchyardList', (instance, definition) => {
  zodArray.init(instance, definition)
  instance._zod.parse = (payload, context) => {
    const input: unknown = payload.value
    if (!Array.isArray(input)) return refused(payload, 'array', instance)
    const items: unknown[] = []
    payload.value = items
    for (let index = 0; index < input.length; index++) {
      const read = run(definition.element, input[index], context)
      items.push(read.value)
      if (read.issues.length === 0) continue
      passOn(read, index, payload)
      break
    }
    return payload
  }
})

const Dictionary = $constructor<z.ZodMiniRecord>('SwitchyardDictionary', (instance, definition) => {
  zodRecord.init(instance, definition)
  instance._zod.parse = (payload, context) => {
    const input: unknown = payload.value
    if (!isObject(input)) return refused(payload, 'record', instance)
    const pairs: Record<string, unknown> = {}
    payload.value = pairs
    for (const key of Object.keys(input)) {
      // As zod does: a copy must not get a prototype from a body.
      if (key === '__proto__') continue
      const read = run(definition.valueType, input[key], context)
      pairs[key] = read.value
      if (read.issues.length === 0) continue
      passOn(read, key, payload)
      break
    }
    return payload
  }
})

/** `z.array()` that stops at the first element with a fault. */
export function list<Element extends z.core.SomeType>(element: Element): z.ZodMiniArray<Element> {
  return new List({
    type: 'array',
    element: element as never,
  }) as unknown as z.ZodMiniArray<Element>
}

/** `z.record()` of any names that stops at the first value with a fault. */
export function dictionary<Value extends z.core.SomeType>(
  value: Value,
): z.ZodMiniRecord<z.ZodMiniString, Value> {
  const definition = { type: 'record', keyType: z.string(), valueType: value as never } as const
  return new Dictionary(definition) as unknown as z.ZodMiniRecord<z.ZodMiniString, Value>
}

/** No schema of a body waits for anything: what is read is there at once. */
function run(
  schema: z.core.SomeType,
  value: unknown,
  context: z.core.ParseContextInternal,
): z.core.ParsePayload {
  return schema._zod.run({ value, issues: [] }, context) as z.core.ParsePayload
}

/** What is wrong with the element at `key` is wrong with the whole. By hand: `util` of zod cannot be had in part (8 kB). */
function passOn(from: z.core.ParsePayload, key: PropertyKey, to: z.core.ParsePayload): void {
  for (const issue of from.issues) to.issues.push({ ...issue, path: [key, ...(issue.path ?? [])] })
}

function refused(
  payload: z.core.ParsePayload,
  expected: 'array' | 'record',
  inst: z.core.$ZodType,
): z.core.ParsePayload {
  payload.issues.push({ code: 'invalid_type', expected, input: payload.value, inst })
  return payload
}
