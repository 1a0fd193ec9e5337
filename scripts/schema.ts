/** `npm run schema`: writes the JSON schemas of what the gateway reads: `routes.schema.json` for editors, and bodies of the admin plane. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import * as z from 'zod/mini'
import { adminBodies } from '../worker/admin/bodies.ts'
import { configSchema } from '../worker/edge/config-schema.ts'

/** Files by their path in the repository. */
const files = {
  'routes.schema.json': routesSchema,
  'worker/admin/body-schemas.json': bodySchemas,
} as const

/** The JSON schema of an input file: what has a default may be left out. */
export function routesSchema(): string {
  const schema = z.toJSONSchema(configSchema, { io: 'input', target: 'draft-2020-12' })
  return written({ title: 'routes.json of Switchyard', ...schema })
}

/** What the OpenAPI document of the admin plane says of bodies (`worker/admin/bodies.ts`). */
export function bodySchemas(): string {
  const schemas = Object.entries(adminBodies).map(([name, schema]) => [
    name,
    z.toJSONSchema(schema(), { io: 'input' }),
  ])
  return written(Object.fromEntries(schemas))
}

function written(content: object): string {
  return `${JSON.stringify(content, null, 2)}\n`
}

if (import.meta.main) {
  const check = process.argv.includes('--check')
  for (const [path, make] of Object.entries(files)) {
    const file = join(resolve(import.meta.dirname, '..'), path)
    if (!check) writeFileSync(file, make())
    else if (readFileSync(file, 'utf8') !== make()) {
      process.stderr.write(`${path} is out of date: npm run schema\n`)
      process.exitCode = 1
    }
  }
}
