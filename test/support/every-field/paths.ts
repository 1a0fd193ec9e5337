import type { Json } from './bodies.ts'

type Step = string | number
export type Path = readonly Step[]

/** Every path into `value`, fields before what is in them. */
export function pathsIn(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return []
  const steps: readonly Step[] = Array.isArray(value) ? [...value.keys()] : Object.keys(value)
  return steps.flatMap((step) => {
    const here = [...path, step]
    return [here, ...pathsIn((value as Record<Step, unknown>)[step], here)]
  })
}

/** `messages[0].content`, as warnings spell it. */
export function spelled(path: Path): string {
  return path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`))
    .join('')
    .replace(/^\./, '')
}

/** `messages[].content`: the field, wherever it stands. */
export function anywhere(path: string): string {
  return path.replaceAll(/\[\d+\]/g, '[]')
}

/** `body` without what stands at `path`. */
export function without(body: Json, path: Path): Json {
  const copy = structuredClone(body)
  const last = path.at(-1)
  const holder = path.slice(0, -1).reduce<unknown>((at, step) => (at as Json)[step as string], copy)
  if (Array.isArray(holder)) holder.splice(Number(last), 1)
  else delete (holder as Json)[String(last)]
  return copy
}

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly allOf?: readonly JsonSchema[]
}

/** Every field that a schema names, spelled as `anywhere` does. */
export function fieldsOf(schema: JsonSchema, path = ''): Set<string> {
  const found = new Set<string>()
  const add = (inner: JsonSchema, at: string) => {
    for (const field of fieldsOf(inner, at)) found.add(field)
  }
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    const here = path === '' ? name : `${path}.${name}`
    found.add(here)
    add(inner, here)
  }
  if (schema.items !== undefined) add(schema.items, `${path}[]`)
  for (const arm of [schema.anyOf, schema.oneOf, schema.allOf].flatMap((arms) => arms ?? []))
    add(arm, path)
  return found
}
