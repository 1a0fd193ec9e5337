import * as z from 'zod/mini'
import type { JsonObject } from '../../canonical/request.ts'
import { isObject } from './path.ts'

/** An object that is carried, not read (a JSON schema, arguments of a call): checked for being one, and not copied. */
export function jsonObject() {
  return z.custom<JsonObject>(isObject, 'must be an object')
}
