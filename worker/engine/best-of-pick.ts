import type { CanonicalEvent } from '../canonical/events.ts'
import type { Block } from '../canonical/blocks.ts'
import type { CanonicalRequest } from '../canonical/request.ts'
import { collect } from '../canonical/response.ts'
import type { BestOfConfig } from '../edge/parallel-schema.ts'
import { unfenced } from './fenced-json.ts'
import { OutputCheck } from './output-check.ts'
import { checkSchema } from './schema/check-schema.ts'

/** One whole answer, looked at. */
export interface Judged {
  /** It came to its own end, says something, and is what a program asked for. */
  readonly isValid: boolean
  /** What a program will parse of it does not parse, or breaks its schema. */
  readonly isBroken: boolean
  /** Characters of its text. */
  readonly length: number
  /** Answers that say the same have the same. */
  readonly vote: string
}

/** How one of the calls stands: on its way, failed, or what it answered. */
export type Standing = 'waiting' | 'failed' | Judged

/** Which answer is taken, and in words why. */
export interface Picked {
  readonly index: number
  readonly why: string
}

export function judge(request: CanonicalRequest, events: readonly CanonicalEvent[]): Judged {
  const collected = collect(events)
  const { choices } = collected.ok ? collected.response : collected.partial
  const [first] = choices
  if (!collected.ok || first === undefined) return nothing
  const { content, finish } = first
  const text = content.map((block) => (block.type === 'text' ? block.text : '')).join('')
  const calls = content.filter((block) => block.type === 'toolCall')
  const isWhole = finish.reason === 'stop' || finish.reason === 'toolCalls'
  const isBroken = isWhole && breaksForm(request, events, text, calls.length > 0)
  const isRefused = content.some(({ type }) => type === 'refusal')
  const saysSomething = text.trim() !== '' || calls.length > 0 || content.some(isMedia)
  return {
    isValid: isWhole && saysSomething && !isRefused && !isBroken,
    isBroken,
    length: text.length,
    vote: [plainText(text), ...calls.map(plainCall)].join('\n'),
  }
}

const nothing: Judged = { isValid: false, isBroken: false, length: 0, vote: '' }

function isMedia({ type }: Block): boolean {
  return type === 'media'
}

function breaksForm(
  request: CanonicalRequest,
  events: readonly CanonicalEvent[],
  text: string,
  hasCalls: boolean,
): boolean {
  const check = OutputCheck.of(request)
  if (check === null) return false
  for (const event of events) check.see(event)
  const last = events.at(-1)
  if (check.broken(last?.type === 'finish' ? last.choices : [])) return true
  const { responseFormat: format } = request
  // A call of a tool is no answer in the form yet.
  if (format?.type !== 'jsonSchema' || hasCalls) return false
  const value = parsed(text)
  return value === undefined || checkSchema(format.schema, value).kind === 'invalid'
}

/** JSON, out of its fence where it stands in one; undefined where it is none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(unfenced(text))
  } catch {
    return undefined
  }
}

/** The same for texts that differ in white space and case, and for objects that differ in the order of their keys. */
function plainText(text: string): string {
  const value = parsed(text)
  const ordered = typeof value === 'object' && value !== null ? sorted(value, deepest) : null
  if (ordered !== null && ordered !== tooDeep) return JSON.stringify(ordered)
  return text.trim().replaceAll(/\s+/g, ' ').toLowerCase()
}

function plainCall(block: Block): string {
  return block.type === 'toolCall' ? `${block.name}(${plainText(block.arguments)})` : ''
}

/** Deeper answers are compared as texts: what a caller has a model write must not use up the stack. */
const deepest = 200
const tooDeep = Symbol('nested too deep')

function sorted(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth === 0) return tooDeep
  const entries = Object.entries(value)
  if (!Array.isArray(value)) entries.sort(([a], [b]) => (a < b ? -1 : 1))
  const inner: [string, unknown][] = []
  for (const [key, one] of entries) {
    const ordered = sorted(one, depth - 1)
    if (ordered === tooDeep) return tooDeep
    inner.push([key, ordered])
  }
  return Array.isArray(value) ? inner.map(([, one]) => one) : Object.fromEntries(inner)
}

/**
 * Which answer is taken, as far as it can be said now; null: wait. `arrived` are the answers in the order in which they
 * came. `isOver`: nobody waits any longer. Where no answer is valid the first in order stands, because a caller that
 * asked one target alone would have been given it too.
 */
export function pickOf(
  pick: BestOfConfig['pick'],
  standings: readonly Standing[],
  arrived: readonly number[],
  isOver: boolean,
): Picked | null {
  const waiting = isOver ? 0 : standings.filter((one) => one === 'waiting').length
  const found = rules[pick](standings, arrived, waiting, isOver)
  if (found !== null || waiting > 0) return found
  const index = standings.findIndex((one) => typeof one === 'object')
  return index === -1 ? null : { index, why: 'no answer was valid, the first stands' }
}

type Rule = (
  standings: readonly Standing[],
  arrived: readonly number[],
  waiting: number,
  isOver: boolean,
) => Picked | null

const rules: Readonly<Record<BestOfConfig['pick'], Rule>> = {
  'first-valid': (standings, arrived) => {
    const index = arrived.find((one) => isValid(standings[one]))
    return index === undefined ? null : { index, why: 'the first valid answer' }
  },
  schema: (standings, _arrived, _waiting, isOver) => {
    for (const [index, one] of standings.entries()) {
      if (one === 'waiting' && !isOver) return null
      if (isValid(one)) return { index, why: 'valid, and the first in order' }
    }
    return null
  },
  longest: (standings, _arrived, waiting) => {
    if (waiting > 0) return null
    let best: { readonly index: number; readonly length: number } | null = null
    for (const [index, one] of standings.entries())
      if (isValid(one) && one.length > (best?.length ?? -1)) best = { index, length: one.length }
    return best === null ? null : { index: best.index, why: 'the longest valid answer' }
  },
  vote: (standings, _arrived, waiting) => {
    const counts = votes(standings)
    const [first, second] = counts
    if (first === undefined) return null
    // Those that are still to come could not overtake it: it is decided.
    const isDecided = waiting === 0 || first.count > (second?.count ?? 0) + waiting
    if (!isDecided) return null
    return { index: first.index, why: `${first.count} of ${countOf(counts)} valid answers alike` }
  },
}

interface Votes {
  /** Of the first in order that says so. */
  readonly index: number
  readonly count: number
}

/** Most votes first; between equals the one that stands first in order. */
function votes(standings: readonly Standing[]): readonly Votes[] {
  const found = new Map<string, Votes>()
  for (const [index, one] of standings.entries()) {
    if (!isValid(one)) continue
    const before = found.get(one.vote)
    found.set(one.vote, { index: before?.index ?? index, count: (before?.count ?? 0) + 1 })
  }
  return [...found.values()].sort((a, b) => b.count - a.count || a.index - b.index)
}

function countOf(counts: readonly Votes[]): number {
  return counts.reduce((sum, { count }) => sum + count, 0)
}

function isValid(one: Standing | undefined): one is Judged {
  return typeof one === 'object' && one.isValid
}
