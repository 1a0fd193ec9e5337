/** The part of a JSON schema that names options. */
export interface SchemaNode {
  readonly $ref?: string
  readonly $defs?: Readonly<Record<string, SchemaNode>>
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly additionalProperties?: SchemaNode | boolean
  readonly items?: SchemaNode
  readonly anyOf?: readonly SchemaNode[]
  readonly oneOf?: readonly SchemaNode[]
  readonly allOf?: readonly SchemaNode[]
}

/**
 * Every option of a schema by its path: `routes.*.cache.mode`; `*` stands for any name, `[]` for any entry of a list.
 * What the schema defines once and uses in several places is one option, under its definition: `constraint.regions`.
 */
export function optionsOf(schema: SchemaNode): ReadonlySet<string> {
  const found = new Set<string>()
  const entered = new Set<string>()
  visit(
    schema,
    '',
    schema,
    (node, path, below) => {
      for (const [name, child] of Object.entries(node.properties ?? {})) {
        found.add(`${path}${name}`)
        below(child, `${path}${name}.`)
      }
      if (typeof node.additionalProperties === 'object')
        below(node.additionalProperties, `${path}*.`)
      if (node.items !== undefined) below(node.items, `${path}[].`)
    },
    (definition) => !entered.has(definition) && entered.add(definition) !== undefined,
  )
  return found
}

/** The options that a part of a file sets, by the same paths. */
export function optionsIn(schema: SchemaNode, part: unknown): ReadonlySet<string> {
  const found = new Set<string>()
  const look = (start: SchemaNode, from: string, value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    visit(start, from, schema, (node, path) => {
      if (Array.isArray(value)) {
        if (node.items !== undefined)
          for (const entry of value) look(node.items, `${path}[].`, entry)
        return
      }
      for (const [name, child] of Object.entries(value)) {
        const own = node.properties?.[name]
        if (own !== undefined) {
          found.add(`${path}${name}`)
          look(own, `${path}${name}.`, child)
        } else if (typeof node.additionalProperties === 'object')
          look(node.additionalProperties, `${path}*.`, child)
      }
    })
  }
  look(schema, '', part)
  return found
}

/** Calls `each` for a node and all that it may be instead. */
function visit(
  node: SchemaNode,
  path: string,
  root: SchemaNode,
  each: (node: SchemaNode, path: string, below: (node: SchemaNode, path: string) => void) => void,
  enters: (definition: string) => boolean = () => true,
): void {
  const below = (child: SchemaNode, at: string) => visit(child, at, root, each, enters)
  if (node.$ref !== undefined) {
    const definition = node.$ref.slice(node.$ref.lastIndexOf('/') + 1)
    const target = root.$defs?.[definition]
    if (target !== undefined && enters(definition)) below(target, `${definition}.`)
    return
  }
  each(node, path, below)
  for (const one of [...(node.anyOf ?? []), ...(node.oneOf ?? []), ...(node.allOf ?? [])])
    below(one, path)
}
