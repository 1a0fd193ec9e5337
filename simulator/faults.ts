import type { Json, JsonObject } from './json.ts'
import { isObject } from './json.ts'

/** What can be made to go wrong; `../shared/contract.md`, "Simulator control". */
export type Fault =
  | {
      readonly kind: 'status'
      readonly status: number
      readonly headers: Readonly<Record<string, string>>
      /** Absent: the vendor's own error body for that status. */
      readonly body?: Json
    }
  | { readonly kind: 'latency'; readonly firstByteMs: number; readonly perChunkMs: number | null }
  | { readonly kind: 'hang' }
  | { readonly kind: 'reset'; readonly afterBytes: number }
  | {
      readonly kind: 'stall' | 'truncate' | 'malformed' | 'errorEvent'
      readonly afterEvents: number
    }
  | { readonly kind: 'noUsage' }
  | { readonly kind: 'split'; readonly bytes: number }

/** `times`, `probability` and `forMs` are null where the rule is not limited so. */
export interface FaultRule {
  readonly provider: string
  readonly model: string | null
  readonly fault: Fault
  readonly times: number | null
  readonly probability: number | null
  readonly forMs: number | null
}

/** A field of a control call that is wrong: the path and the rule. */
export interface FieldError {
  readonly field: string
  readonly message: string
}

export function isFieldError(value: object): value is FieldError {
  return 'field' in value
}

function wrong(field: string, message: string): FieldError {
  return { field, message }
}

const ruleFields = ['provider', 'model', 'fault', 'times', 'probability', 'forMs']

/** Reads the body of `POST /__control/faults`. */
export function parseFaultRule(body: Json | undefined): FaultRule | FieldError {
  if (!isObject(body)) return wrong('', 'must be a JSON object')
  const stranger = Object.keys(body).find((key) => !ruleFields.includes(key))
  if (stranger !== undefined) return wrong(stranger, 'is not a field of a fault')
  const { provider, model } = body
  if (typeof provider !== 'string' || provider === '') return wrong('provider', 'must be a string')
  if (model !== undefined && typeof model !== 'string') return wrong('model', 'must be a string')
  const fault = parseFault(body['fault'])
  if (isFieldError(fault)) return fault
  const times = wholeNumber(body, 'times', 1)
  if (isProblem(times)) return times
  const forMs = wholeNumber(body, 'forMs', 1)
  if (isProblem(forMs)) return forMs
  const { probability = null } = body
  const isShare = typeof probability === 'number' && probability >= 0 && probability <= 1
  if (probability !== null && !isShare) return wrong('probability', 'must be a number from 0 to 1')
  return {
    provider,
    model: model ?? null,
    fault,
    times,
    probability: probability as number | null,
    forMs,
  }
}

function isProblem(value: number | null | FieldError): value is FieldError {
  return typeof value === 'object' && value !== null
}

/** A whole number of at least `least`, or null when the field is absent. */
export function wholeNumber(
  body: JsonObject,
  field: string,
  least: number,
  path = field,
): number | null | FieldError {
  const value = body[field]
  if (value === undefined || value === null) return null
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value
  return wrong(path, `must be a whole number of at least ${least}`)
}

const faultFields: Readonly<Record<Fault['kind'], readonly string[]>> = {
  status: ['status', 'headers', 'body'],
  latency: ['firstByteMs', 'perChunkMs'],
  hang: [],
  reset: ['afterBytes'],
  stall: ['afterEvents'],
  truncate: ['afterEvents'],
  malformed: ['afterEvents'],
  errorEvent: ['afterEvents'],
  noUsage: [],
  split: ['bytes'],
}

/** Every kind there is. */
export const faultKinds = Object.keys(faultFields) as readonly Fault['kind'][]

function parseFault(value: Json | undefined): Fault | FieldError {
  if (!isObject(value)) return wrong('fault', 'must be an object with a kind')
  const kind = faultKinds.find((one) => one === value['kind'])
  if (kind === undefined) return wrong('fault.kind', `must be one of ${faultKinds.join(', ')}`)
  const fields = faultFields[kind]
  const stranger = Object.keys(value).find((key) => key !== 'kind' && !fields.includes(key))
  if (stranger !== undefined) {
    return wrong(`fault.${stranger}`, `is not a field of a ${kind} fault`)
  }
  return kind === 'status' ? parseStatus(value) : parseNumbered(value, kind)
}

function parseStatus(value: JsonObject): Fault | FieldError {
  const status = wholeNumber(value, 'status', 200, 'fault.status')
  if (isProblem(status)) return status
  if (status === null || status > 599) return wrong('fault.status', 'must be from 200 to 599')
  const { headers = {}, body } = value
  const isPlain =
    isObject(headers) && Object.values(headers).every((one) => typeof one === 'string')
  if (!isPlain) return wrong('fault.headers', 'must be an object of strings')
  const given = headers as Readonly<Record<string, string>>
  return { kind: 'status', status, headers: given, ...(body === undefined ? {} : { body }) }
}

function parseNumbered(value: JsonObject, kind: string): Fault | FieldError {
  const number = (field: string, least: number): number | null | FieldError =>
    wholeNumber(value, field, least, `fault.${field}`)
  switch (kind) {
    case 'latency': {
      const firstByteMs = number('firstByteMs', 0)
      const perChunkMs = number('perChunkMs', 0)
      if (isProblem(firstByteMs)) return firstByteMs
      if (isProblem(perChunkMs)) return perChunkMs
      return { kind, firstByteMs: firstByteMs ?? 0, perChunkMs }
    }
    case 'reset': {
      const afterBytes = number('afterBytes', 0)
      return isProblem(afterBytes) ? afterBytes : { kind, afterBytes: afterBytes ?? 0 }
    }
    case 'split': {
      const bytes = number('bytes', 1)
      return isProblem(bytes) ? bytes : { kind, bytes: bytes ?? 1 }
    }
    case 'stall':
    case 'truncate':
    case 'malformed':
    case 'errorEvent': {
      const afterEvents = number('afterEvents', 0)
      return isProblem(afterEvents) ? afterEvents : { kind, afterEvents: afterEvents ?? 1 }
    }
    default:
      return kind === 'hang' ? { kind } : { kind: 'noUsage' }
  }
}
