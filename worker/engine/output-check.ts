import type { CanonicalEvent, ChoiceFinish } from '../canonical/events.ts'
import type { CanonicalRequest } from '../canonical/request.ts'
import type { Soundness } from './health-port.ts'
import { unfenced } from './fenced-json.ts'

/** An answer that ended otherwise was cut, and need not parse. */
const wholeEndings: ReadonlySet<ChoiceFinish['reason']> = new Set(['stop', 'toolCalls'])

/**
 * Looks whether what a program will parse does parse: arguments of tool calls,
 * and the text where JSON was asked for. A model that breaks these is down for
 * whoever depends on them, although every answer is a 200.
 */
export class OutputCheck {
  readonly #expectsJson: boolean
  readonly #texts = new Map<string, string>()
  #soundness: Soundness | null = null

  private constructor(expectsJson: boolean) {
    this.#expectsJson = expectsJson
  }

  /** Null where nothing in the answer has to parse: most requests. */
  static of({ tools, responseFormat }: CanonicalRequest): OutputCheck | null {
    const expectsJson = responseFormat?.type === 'json' || responseFormat?.type === 'jsonSchema'
    return expectsJson || (tools !== undefined && tools.length > 0)
      ? new OutputCheck(expectsJson)
      : null
  }

  see(event: CanonicalEvent): void {
    if (event.type === 'toolCallStart') {
      // A custom tool takes text, which need not be JSON.
      if (event.custom !== true) this.#add(`call ${event.choice} ${event.index}`, '')
    } else if (event.type === 'toolCallArguments') {
      const key = `call ${event.choice} ${event.index}`
      if (this.#texts.has(key)) this.#add(key, event.text)
    } else if (event.type === 'text' && this.#expectsJson)
      this.#add(`text ${event.choice}`, event.text)
  }

  /** Which of what had to parse did, in an answer that ended in this way; null before that was looked at. */
  get soundness(): Soundness | null {
    return this.#soundness
  }

  #sound(choices: readonly ChoiceFinish[], kind: 'text' | 'call'): boolean | null {
    const whole = wholeChoices(choices)
    const texts = [...this.#texts].filter(
      ([key]) => key.startsWith(kind) && whole.has(key.split(' ')[1] ?? ''),
    )
    return texts.length === 0 ? null : texts.every(([, text]) => parses(text))
  }

  /** Whether an answer that ended in this way is broken. */
  broken(choices: readonly ChoiceFinish[]): boolean {
    const schema = this.#sound(choices, 'text')
    const toolCalls = this.#sound(choices, 'call')
    this.#soundness = { schema, toolCalls }
    return schema === false || toolCalls === false
  }

  #add(key: string, text: string): void {
    this.#texts.set(key, (this.#texts.get(key) ?? '') + text)
  }
}

function wholeChoices(choices: readonly ChoiceFinish[]): ReadonlySet<string> {
  return new Set(
    choices.flatMap(({ choice, reason }) => (wholeEndings.has(reason) ? [String(choice)] : [])),
  )
}

function parses(text: string): boolean {
  // Some models fence the JSON that they were asked for; their callers know it.
  const bare = unfenced(text)
  if (bare === '') return true
  try {
    JSON.parse(bare)
    return true
  } catch {
    return false
  }
}
