export const moment = { type: ['string', 'null'], format: 'date-time' }
export const text = { type: ['string', 'null'] }

/** As OpenAI's dialect has it. */
export const errorSchema = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['message', 'type', 'param', 'code'],
      properties: {
        message: { type: 'string' },
        type: { type: 'string' },
        param: text,
        code: { type: 'string' },
      },
    },
  },
}

const refusalTexts: Readonly<Record<number, string>> = {
  400: 'A field breaks a rule; `param` names it',
  401: 'No admin key, or one that is not known',
  403: 'More than the tenant itself may have',
  404: 'No such thing: `param` names the part of the path',
  409: 'The idempotency key was used for another call, what it made is gone, or it is not the time for this',
  413: 'The body is too large',
  501: 'Not there: not built yet, or the platform has it not; the message says what',
  503: 'Nobody answered; after `retry-after` it may be tried again',
}

export function refusals(...statuses: readonly number[]): object {
  return Object.fromEntries(
    statuses.map((status) => [status, answer(refusalTexts[status] ?? '', 'Error')]),
  )
}

export function answer(description: string, schema: string): object {
  const content = { 'application/json': { schema: reference('schemas', schema) } }
  return { description, content }
}

export function reference(kind: 'schemas' | 'parameters', name: string): object {
  return { $ref: `#/components/${kind}/${name}` }
}

export function nullable(properties: Readonly<Record<string, object>>): object {
  return { type: ['object', 'null'], properties }
}
