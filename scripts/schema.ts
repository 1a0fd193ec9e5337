/** `npm run schema`: writes `routes.schema.json` for editors from the schema the gateway itself reads with. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import * as z from 'zod'
import { configSchema } from '../worker/edge/config-schema.ts'

const file = join(resolve(import.meta.dirname, '..'), 'routes.schema.json')
const check = process.argv.includes('--check')

/** The JSON schema of an input file: what has a default may be left out. */
export function routesSchema(): string {
  const schema = z.toJSONSchema(configSchema, { io: 'input', target: 'draft-2020-12' })
  return `${JSON.stringify({ title: 'routes.json of Switchyard', ...schema }, null, 2)}\n`
}

if (import.meta.main) {
  if (!check) writeFileSync(file, routesSchema())
  else if (readFileSync(file, 'utf8') !== routesSchema()) {
    process.stderr.write('routes.schema.json is out of date: npm run schema\n')
    process.exitCode = 1
  }
}
