import { keepSpecimen } from '../../canonical/specimens.ts'
import type { CanonicalEvent } from '../../canonical/events.ts'
import { listOf, objectOf, textOf, type WireToolCall } from './wire.ts'

interface OpenCall {
  readonly index: number
  readonly wireIndex: number | undefined
  id: string | undefined
  name: string
  custom: boolean
  started: boolean
  arguments: string
}

interface Fragment {
  readonly wireIndex: number | undefined
  readonly id: string | undefined
  readonly name: string
  readonly arguments: string
  readonly custom: boolean
}

/**
 * Puts one choice's tool calls together from their fragments.
 *
 * OpenAI keys fragments by `index` and sends id and name once. Others leave out
 * the index or the id, repeat the id (corpus openrouter, zai), give several
 * whole calls one index, send arguments as an object, or split a name over
 * chunks. So a call is announced only with its first argument (or at the end):
 * until then its name may grow.
 */
export class ToolCallAssembler {
  readonly #calls: OpenCall[] = []
  readonly #choice: number

  constructor(choice: number) {
    this.#choice = choice
  }

  get hasCalls(): boolean {
    return this.#calls.length > 0
  }

  /** Reads `tool_calls`; `responseId` makes an id for a call that comes without one. */
  addToolCalls(value: unknown, responseId: string, out: CanonicalEvent[]): void {
    for (const item of listOf(value)) {
      const fragment = fragmentOf(item)
      if (fragment !== null) this.#add(fragment, responseId, out)
    }
  }

  /** Reads the legacy `function_call`: one call, without id and index. */
  addFunctionCall(value: unknown, responseId: string, out: CanonicalEvent[]): void {
    const fragment = fragmentOf({ index: 0, function: value })
    // Snowflake writes an empty one into every message (corpus snowflake/chat/*).
    if (fragment === null || (fragment.name === '' && fragment.arguments === '')) return
    this.#add(fragment, responseId, out)
  }

  /** Announces calls that came without any argument. */
  close(responseId: string, out: CanonicalEvent[]): void {
    for (const call of this.#calls) this.#start(call, responseId, out)
  }

  #add(fragment: Fragment, responseId: string, out: CanonicalEvent[]): void {
    let call = this.#continued(fragment)
    if (call === undefined) {
      this.close(responseId, out)
      call = {
        index: this.#calls.length,
        wireIndex: fragment.wireIndex,
        id: undefined,
        name: '',
        custom: fragment.custom,
        started: false,
        arguments: '',
      }
      this.#calls.push(call)
    }
    call.id ??= fragment.id
    if (!call.started) call.name = grownName(call.name, fragment.name)
    if (fragment.arguments === '') return
    this.#start(call, responseId, out)
    call.arguments += fragment.arguments
    const { index } = call
    out.push({
      type: 'toolCallArguments',
      choice: this.#choice,
      index,
      text: fragment.arguments,
    })
  }

  /** The call that a fragment goes on with; undefined when it begins a new one. */
  #continued(fragment: Fragment): OpenCall | undefined {
    const { id, name, wireIndex } = fragment
    const known = id === undefined ? undefined : this.#calls.find((call) => call.id === id)
    if (known !== undefined) return known
    const last =
      wireIndex === undefined
        ? this.#calls.at(-1)
        : this.#calls.findLast((call) => call.wireIndex === wireIndex)
    if (last === undefined) return undefined
    const bringsOtherId = id !== undefined && last.id !== undefined
    if (name !== '' && (bringsOtherId || isWholeJson(last.arguments))) return undefined
    if (wireIndex === undefined && id !== undefined && name !== '') return undefined
    return last
  }

  #start(call: OpenCall, responseId: string, out: CanonicalEvent[]): void {
    if (call.started) return
    call.started = true
    out.push({
      type: 'toolCallStart',
      choice: this.#choice,
      index: call.index,
      id: call.id ?? inventedId(responseId, this.#choice, call.index),
      name: call.name,
      ...(call.custom ? { custom: true } : {}),
    })
  }
}

function fragmentOf(value: unknown): Fragment | null {
  const wire = objectOf<WireToolCall>(value)
  if (wire === null) return null
  const called = objectOf<{ name?: unknown; arguments?: unknown }>(wire.function)
  const customCall = objectOf<{ name?: unknown; input?: unknown }>(wire.custom)
  // Snowflake fills both forms and leaves one empty, so the type decides, then what has a name.
  const custom =
    wire.type === 'custom' || (called === null && customCall !== null && wire.type !== 'function')
  return {
    wireIndex: typeof wire.index === 'number' ? wire.index : undefined,
    id: textOf(wire.id),
    name: textOf(custom ? customCall?.name : called?.name) ?? '',
    arguments: argumentsText(custom ? customCall?.input : called?.arguments),
    custom,
  }
}

function argumentsText(value: unknown): string {
  if (typeof value === 'string') return value
  return value === undefined || value === null ? '' : JSON.stringify(value)
}

/** A further piece of a name: the same again, the name so far with more, or only what is new. */
function grownName(name: string, piece: string): string {
  if (piece === '' || piece === name) return name
  return piece.startsWith(name) ? piece : name + piece
}

function isWholeJson(text: string): boolean {
  if (!text.trimEnd().endsWith('}')) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Ids at OpenAI have at most 40 characters; the answer's own id keeps turns of one conversation apart. */
function inventedId(responseId: string, choice: number, index: number): string {
  const tail = responseId.replace(/[^A-Za-z0-9]/g, '').slice(-24)
  return `call_${tail}${choice === 0 ? '' : `_${choice}`}_${index}`
}

keepSpecimen(new ToolCallAssembler(0))
