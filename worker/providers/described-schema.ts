import type { JsonObject, ResponseFormat } from '../canonical/request.ts'

/**
 * The schema of an answer with the format's description in it, for wires that
 * have a place for the schema alone: the description tells the model what the
 * format is for (OpenAI's API reference, `response_format`).
 */
export function describedSchema({
  schema,
  description,
}: Extract<ResponseFormat, { type: 'jsonSchema' }>): JsonObject {
  if (description === undefined) return schema
  const own = schema['description']
  return {
    ...schema,
    description: typeof own === 'string' ? `${description}\n${own}` : description,
  }
}
