/**
 * What an answer says, whatever wire carried it: the form in which recordings,
 * decoded events, rendered answers and other decoders are compared.
 */

export type AnswerFinish =
  | 'stop'
  | 'length'
  | 'toolCalls'
  | 'contentFilter'
  | 'refusal'
  | 'pause'
  | 'contextWindow'
  | 'other'

export interface AnswerToolCall {
  readonly name: string
  /** JSON with sorted keys where the text is JSON, else the text. */
  readonly arguments: string
  /** Absent where the wire gives none (a decoder then makes one up). */
  readonly id?: string
}

/** Tokens, in the meaning of `worker/canonical/usage.ts`; absent when the recording does not say. */
export interface AnswerUsage {
  readonly input?: number
  readonly output?: number
  readonly reasoning?: number
  readonly cacheRead?: number
  readonly cacheWrite?: number
}

export interface AnswerChoice {
  readonly index: number
  readonly text: string
  readonly reasoning: string
  readonly refusal: string
  readonly toolCalls: readonly AnswerToolCall[]
  readonly citations: number
  readonly media: number
  /** The words of audio that the model made; for a wire that has no audio they are its text. */
  readonly transcript: string
  /** Signatures and encrypted thoughts, in order; compared only where the wire binds them to reasoning. */
  readonly proofs: readonly string[]
  /** Absent when the stream ended before it said why. */
  readonly finish?: AnswerFinish
  readonly stopSequence?: string
}

export interface Answer {
  readonly choices: readonly AnswerChoice[]
  readonly usage: AnswerUsage
  /** `error`: the answer carries an error; `cut`: it ends without its end mark. */
  readonly ending: 'finished' | 'error' | 'cut'
}

export interface ChoiceDraft {
  text: string
  reasoning: string
  refusal: string
  toolCalls: { name: string; arguments: string; id?: string | undefined }[]
  citations: number
  media: number
  transcript: string
  proofs: string[]
  finish?: AnswerFinish
  stopSequence?: string
}

/** Gathers the pieces of an answer by choice. */
export class AnswerDraft {
  readonly #choices = new Map<number, ChoiceDraft>()
  usage: AnswerUsage = {}
  ending: Answer['ending'] = 'cut'

  choice(index: number): ChoiceDraft {
    let choice = this.#choices.get(index)
    if (choice === undefined) {
      choice = {
        text: '',
        reasoning: '',
        refusal: '',
        toolCalls: [],
        citations: 0,
        media: 0,
        transcript: '',
        proofs: [],
      }
      this.#choices.set(index, choice)
    }
    return choice
  }

  /** Lays later counts over earlier ones; what is absent changes nothing. */
  addUsage(fields: { readonly [K in keyof AnswerUsage]: number | undefined }): void {
    const counts = Object.entries(fields).filter(([, value]) => value !== undefined)
    this.usage = { ...this.usage, ...(Object.fromEntries(counts) as AnswerUsage) }
  }

  get choices(): readonly ChoiceDraft[] {
    return [...this.#choices.values()]
  }

  result(): Answer {
    const choices = [...this.#choices.entries()]
      .sort(([a], [b]) => a - b)
      .map(([index, draft]) => ({
        ...draft,
        index,
        toolCalls: draft.toolCalls.map(({ name, arguments: text, id }) => ({
          name,
          arguments: normalArguments(text),
          ...(id === undefined ? {} : { id }),
        })),
      }))
    return { choices, usage: this.usage, ending: this.ending }
  }
}

/** One spelling for equal arguments: sorted keys, no spaces; no text at all, and `null`, mean no arguments. */
export function normalArguments(text: string): string {
  if (text.trim() === '' || text.trim() === 'null') return '{}'
  try {
    return JSON.stringify(sorted(JSON.parse(text)))
  } catch {
    return text
  }
}

/** `value` with object keys in order, deep. */
export function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]))
}

/** A count of tokens, or undefined for anything that is none. */
export function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

/** The sum of the known counts, or undefined when none is known. */
export function sum(...counts: (number | undefined)[]): number | undefined {
  const known = counts.filter((one) => one !== undefined)
  return known.length === 0 ? undefined : known.reduce((a, b) => a + b, 0)
}

export interface ComparisonOptions {
  /** Parts that the wire under test cannot carry, or spells in its own way. */
  readonly ignore?: ReadonlySet<AnswerPart>
  /** What a finish of the expected answer becomes on the wire under test. */
  readonly finish?: (finish: AnswerFinish) => AnswerFinish
}

export type AnswerPart =
  | 'text'
  | 'toolCalls'
  | 'choicesAfterFirst'
  | 'reasoning'
  | 'refusal'
  | 'toolCallIds'
  | 'citations'
  | 'media'
  | 'proofs'
  | 'finish'
  | 'stopSequence'
  | 'ending'
  | 'usage'
  | `usage.${keyof AnswerUsage}`

/** Names every part in which `actual` is not what `expected` says; empty when they agree. */
export function differences(
  expected: Answer,
  actual: Answer,
  options: ComparisonOptions = {},
): string[] {
  const ignore = options.ignore ?? new Set<AnswerPart>()
  const found: string[] = []
  const check = (part: string, want: unknown, got: unknown): void => {
    const [a, b] = [JSON.stringify(want), JSON.stringify(got)]
    if (a !== b) found.push(`${part}: expected ${clip(a)}, got ${clip(b)}`)
  }
  if (!ignore.has('ending')) check('ending', expected.ending, actual.ending)
  const wanted = ignore.has('choicesAfterFirst') ? expected.choices.slice(0, 1) : expected.choices
  for (const choice of wanted) {
    const got = actual.choices.find((one) => one.index === choice.index)
    if (got === undefined) {
      if (!isEmptyChoice(choice)) found.push(`choice ${choice.index}: missing`)
      continue
    }
    compareChoice(choice, got, options, ignore, check, expected.ending !== 'finished')
  }
  for (const got of actual.choices) {
    const known = expected.choices.some((one) => one.index === got.index)
    if (!known && !isEmptyChoice(got)) found.push(`choice ${got.index}: not in the recording`)
  }
  if (ignore.has('usage')) return found
  for (const field of ['input', 'output', 'reasoning', 'cacheRead', 'cacheWrite'] as const) {
    if (ignore.has(`usage.${field}`)) continue
    check(`usage.${field}`, expected.usage[field] ?? null, actual.usage[field] ?? null)
  }
  return found
}

function compareChoice(
  want: AnswerChoice,
  got: AnswerChoice,
  options: ComparisonOptions,
  ignore: ReadonlySet<AnswerPart>,
  check: (part: string, want: unknown, got: unknown) => void,
  failed: boolean,
): void {
  const at = want.index === 0 ? '' : `choice ${want.index} `
  if (!ignore.has('text')) check(`${at}text`, want.text, got.text)
  for (const part of ['reasoning', 'refusal', 'citations', 'media', 'proofs'] as const) {
    if (!ignore.has(part)) check(`${at}${part}`, want[part], got[part])
  }
  const calls = (choice: AnswerChoice, other: AnswerChoice): unknown =>
    choice.toolCalls.map((call, index) => {
      const bothIds = call.id !== undefined && other.toolCalls[index]?.id !== undefined
      const id = bothIds && !ignore.has('toolCallIds') ? call.id : null
      return [call.name, call.arguments, id]
    })
  if (!ignore.has('toolCalls')) check(`${at}tool calls`, calls(want, got), calls(got, want))
  // A recording that names no reason says nothing about ours; after a failure there is none.
  if (!ignore.has('finish') && want.finish !== undefined && !failed) {
    check(`${at}finish`, options.finish?.(want.finish) ?? want.finish, got.finish ?? null)
  }
  if (!ignore.has('stopSequence') && want.stopSequence !== undefined) {
    check(`${at}stop sequence`, want.stopSequence, got.stopSequence ?? null)
  }
}

function isEmptyChoice(choice: AnswerChoice): boolean {
  const written = choice.text + choice.reasoning + choice.refusal
  return written === '' && choice.toolCalls.length === 0 && choice.media === 0
}

function clip(text: string | undefined): string {
  const shown = text ?? 'nothing'
  return shown.length > 240 ? `${shown.slice(0, 140)}...${shown.slice(-80)}` : shown
}
