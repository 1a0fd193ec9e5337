import { Ajv2020 } from 'ajv/dist/2020.js'
import { readFileSync } from 'node:fs'
import { expect } from 'vitest'

const ajv = new Ajv2020({ strict: false })
ajv.addSchema(
  JSON.parse(
    readFileSync(new URL('../fixtures/schemas/openai-chat.json', import.meta.url), 'utf8'),
  ),
  'openai',
)

/** Checks `value` against one schema of OpenAI's OpenAPI document. */
export function expectSchema(name: string, value: unknown): void {
  const validate = ajv.getSchema(`openai#/$defs/${name}`)
  if (validate === undefined) throw new Error(`no schema ${name}`)
  expect(validate(value), JSON.stringify(validate.errors)).toBe(true)
}
