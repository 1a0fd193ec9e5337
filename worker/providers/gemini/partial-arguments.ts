import type { JsonObject } from '../../canonical/request.ts'
import { numberOf, objectsOf, stringOf } from '../json-values.ts'

type Step = string | number
type Container = Record<string, unknown> | unknown[]

/** More nesting than any schema needs; a longer path is hostile. */
const maxPathSteps = 64

/**
 * Arguments that Vertex sends value by value, each with its JSON path
 * (`streamFunctionCallArguments`; corpus gemini/chat/stream-parallel-tool-calls-google-*).
 * Paths arrive in no order that JSON text could be written in, so the text is
 * there when the call is complete.
 */
export class PartialArguments {
  readonly #root: Record<string, unknown>

  constructor(first: JsonObject = {}) {
    this.#root = { ...first }
  }

  /** Adds `partialArgs`; strings that go on are appended to. */
  apply(partialArgs: unknown): void {
    for (const piece of objectsOf(partialArgs)) {
      const steps = stepsOf(stringOf(piece['jsonPath']) ?? '')
      if (steps !== undefined) set(this.#root, steps, piece)
    }
  }

  toJson(): string {
    return JSON.stringify(this.#root)
  }
}

/** `$.recipe.steps[1]` and `$['a b'][0]` as steps; undefined for what is no such path. */
function stepsOf(path: string): readonly Step[] | undefined {
  const pattern = /\.([^.[\]]+)|\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]/y
  const steps: Step[] = []
  pattern.lastIndex = 1
  while (pattern.lastIndex < path.length) {
    const found = pattern.exec(path)
    if (found === null || steps.length >= maxPathSteps) return undefined
    const [, name, position, singleQuoted, doubleQuoted] = found
    if (position === undefined) steps.push(name ?? singleQuoted ?? doubleQuoted ?? '')
    else steps.push(Number(position))
  }
  const safe = path.startsWith('$') && steps.length > 0 && !steps.includes('__proto__')
  return safe ? steps : undefined
}

function set(root: Record<string, unknown>, steps: readonly Step[], piece: JsonObject): void {
  let container: Container = root
  for (const [position, step] of steps.entries()) {
    const next = steps[position + 1]
    if (next === undefined) {
      put(container, step, valueOf(piece, at(container, step)))
      return
    }
    let inner = at(container, step)
    if (typeof inner !== 'object' || inner === null) {
      inner = typeof next === 'number' ? [] : {}
      put(container, step, inner)
    }
    container = inner as Container
  }
}

function at(container: Container, step: Step): unknown {
  if (Array.isArray(container)) return typeof step === 'number' ? container[step] : undefined
  return Object.hasOwn(container, step) ? container[step] : undefined
}

/** Lists grow by one: an index far beyond the end would cost memory and say nothing. */
function put(container: Container, step: Step, value: unknown): void {
  if (!Array.isArray(container)) container[step] = value
  else if (typeof step === 'number' && step <= container.length) container[step] = value
}

function valueOf(piece: JsonObject, earlier: unknown): unknown {
  const text = stringOf(piece['stringValue'])
  if (text !== undefined) return typeof earlier === 'string' ? earlier + text : text
  const number = numberOf(piece['numberValue'])
  if (number !== undefined) return number
  if (typeof piece['boolValue'] === 'boolean') return piece['boolValue']
  return 'nullValue' in piece ? null : (earlier ?? '')
}
