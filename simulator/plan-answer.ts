import type { Answer, Ask, AskTool, Choice, Finish, ToolCall } from './ask.ts'
import { objectOr } from './json.ts'
import { sampleValue } from './sample-value.ts'
import { jsonTokens, proseTokens, tokenCount } from './tokens.ts'

/** Prompt tokens of one image, whatever its size. */
export const imageTokens = 258
/** Prompt tokens that the frame of one message costs. */
const messageOverheadTokens = 3
/** What is quoted of a user's text or a tool's result, characters. */
const quoteLength = 400
/** Longest answer that `[[tokens:N]]` may ask for. */
const maxAskedTokens = 100_000

export interface AnswerContext {
  /** Number of this call since the last reset. */
  readonly sequence: number
  readonly cacheRead: number
  readonly cacheWrite: number
}

/** Prompt tokens of one part of the conversation. */
export function partTokens(part: string): number {
  return tokenCount(part) + messageOverheadTokens
}

export function inputTokens(ask: Ask): number {
  const parts = ask.promptParts.reduce((sum, part) => sum + partTokens(part), 0)
  return parts + ask.images * imageTokens
}

/**
 * Decides the answer. Pure: the same request and the same `sequence` give the same answer.
 *
 * Directives in the last user text: `[[tokens:N]]` asks for N tokens of text,
 * `[[parallel]]` for several tool calls at once, `[[text]]` for no tool call,
 * `[[think]]` for reasoning, `[[refuse]]` for a refusal.
 */
export function planAnswer(ask: Ask, context: AnswerContext): Answer {
  const choices = Array.from({ length: Math.max(1, ask.choices) }, (_, index) =>
    planChoice(ask, context.sequence, index),
  )
  const [first = planChoice(ask, context.sequence, 0), ...rest] = choices
  const reasoning = choices.reduce((sum, choice) => sum + choice.reasoning.length, 0)
  return {
    choices: [first, ...rest],
    tokens: {
      input: inputTokens(ask),
      output: choices.reduce((sum, choice) => sum + tokensOf(choice), 0),
      reasoning,
      cacheRead: context.cacheRead,
      cacheWrite: context.cacheWrite,
    },
  }
}

/** Generated tokens of one choice; a tool's name counts as one. */
function tokensOf(choice: Choice): number {
  const calls = choice.toolCalls.reduce((sum, call) => sum + 1 + call.pieces.length, 0)
  return choice.reasoning.length + choice.text.length + calls
}

function planChoice(ask: Ask, sequence: number, index: number): Choice {
  const reasoning = wantsReasoning(ask) ? proseTokens(reasoningText(ask)) : []
  if (hasDirective(ask, 'refuse')) {
    return choiceOf([], proseTokens('I cannot help with that.'), [], 'refusal')
  }
  const toolCalls = planToolCalls(ask, sequence)
  if (toolCalls.length > 0) {
    const whole = choiceOf(reasoning, [], toolCalls, 'tool-calls')
    return ask.maxTokens !== null && tokensOf(whole) > ask.maxTokens
      ? choiceOf(reasoning.slice(0, ask.maxTokens), [], [], 'length')
      : whole
  }
  return cutText(ask, reasoning, answerText(ask, index))
}

function choiceOf(
  reasoning: readonly string[],
  text: readonly string[],
  toolCalls: readonly ToolCall[],
  finish: Finish,
  stopSequence: string | null = null,
): Choice {
  return { reasoning, text, toolCalls, finish, stopSequence }
}

function cutText(ask: Ask, reasoning: readonly string[], text: string): Choice {
  const stops = ask.stop
    .map((sequence) => ({ sequence, at: sequence === '' ? -1 : text.indexOf(sequence) }))
    .filter((found) => found.at >= 0)
    .sort((left, right) => left.at - right.at)
  const stop = stops[0]
  const kept = stop === undefined ? text : text.slice(0, stop.at)
  const tokens = ask.json === null ? proseTokens(kept) : jsonTokens(kept)
  const room = ask.maxTokens ?? Number.POSITIVE_INFINITY
  if (reasoning.length + tokens.length > room) {
    const thought = reasoning.slice(0, room)
    return choiceOf(thought, tokens.slice(0, room - thought.length), [], 'length')
  }
  if (stop === undefined) return choiceOf(reasoning, tokens, [], 'stop')
  return choiceOf(reasoning, tokens, [], 'stop-sequence', stop.sequence)
}

function answerText(ask: Ask, index: number): string {
  if (ask.json !== null) {
    const schema = ask.json.kind === 'schema' ? ask.json.schema : anyObject
    return JSON.stringify(sampleValue(schema))
  }
  const prefix = index === 0 ? '' : `(${index + 1}) `
  const asked = askedTokens(ask)
  if (asked !== null) {
    return prefix + Array.from({ length: asked }, (_, at) => `w${at + 1}`).join(' ')
  }
  if (ask.toolResults.length > 0) {
    return `${prefix}The tool answered: ${ask.toolResults.map(quote).join('; ')}`
  }
  return `${prefix}You said: ${quote(withoutDirectives(ask.lastUserText))}`
}

const anyObject = { type: 'object', properties: { answer: { type: 'string' } } }

function planToolCalls(ask: Ask, sequence: number): readonly ToolCall[] {
  const { toolChoice } = ask
  const [first] = ask.tools
  if (toolChoice.kind === 'none' || first === undefined) return []
  const isForced = toolChoice.kind !== 'auto'
  if (!isForced && (ask.toolResults.length > 0 || hasDirective(ask, 'text'))) return []
  const named = toolChoice.kind === 'named' ? toolChoice.name : null
  const usable = named === null ? ask.tools : ask.tools.filter((tool) => tool.name === named)
  const wanted = toolsToCall(ask, usable)
  return wanted.map((tool, index) => planCall(ask, tool, sequence, index))
}

/** `[[parallel]]`: every tool once, or the only tool twice. */
function toolsToCall(ask: Ask, usable: readonly AskTool[]): readonly AskTool[] {
  const wantsParallel = /\[\[parallel\]\]|\bin parallel\b/i.test(ask.lastUserText)
  if (!wantsParallel || !ask.parallelCalls) return usable.slice(0, 1)
  return usable.length === 1 ? [...usable, ...usable] : usable
}

function planCall(ask: Ask, tool: AskTool, sequence: number, index: number): ToolCall {
  const value = objectOr(sampleValue(tool.schema, 'arguments'))
  return {
    id: ask.toolCallId(sequence, index, tool.name),
    name: tool.name,
    arguments: value,
    pieces: jsonTokens(JSON.stringify(value)),
  }
}

function wantsReasoning(ask: Ask): boolean {
  return ask.reasoning || hasDirective(ask, 'think')
}

function reasoningText(ask: Ask): string {
  const about = ask.toolResults.length > 0 ? 'what the tool answered' : 'what the user said'
  return `First I look at ${about}, then I answer it in one sentence.`
}

function hasDirective(ask: Ask, name: string): boolean {
  return ask.lastUserText.includes(`[[${name}]]`)
}

function askedTokens(ask: Ask): number | null {
  const found = /\[\[tokens:(\d{1,6})\]\]/.exec(ask.lastUserText)
  return found === null ? null : Math.min(maxAskedTokens, Number(found[1]))
}

function withoutDirectives(text: string): string {
  return text.replace(/\s*\[\[[a-z]+(:\d+)?\]\]/g, '').trim()
}

function quote(text: string): string {
  const characters = [...text]
  return characters.length <= quoteLength ? text : `${characters.slice(0, quoteLength).join('')}...`
}
