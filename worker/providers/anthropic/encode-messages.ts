import type { Block } from '../../canonical/blocks.ts'
import type { JsonObject, Message } from '../../canonical/request.ts'
import type { ClaudeModel } from './claude-models.ts'
import type { Departures } from '../departures.ts'
import { encodeBlock } from './encode-blocks.ts'

interface Turn {
  readonly role: 'user' | 'assistant' | 'system'
  readonly content: JsonObject[]
}

export interface EncodedMessages {
  readonly system: readonly JsonObject[]
  readonly messages: readonly JsonObject[]
}

/**
 * Instructions in front become `system`; the rest become turns, consecutive
 * messages of one role being one turn (the API would join them itself, and
 * wants all results of one turn's tool calls together).
 */
export function encodeMessages(
  messages: readonly Message[],
  model: ClaudeModel,
  departures: Departures,
): EncodedMessages {
  const firstTurn = messages.findIndex((message) => !isInstruction(message))
  const front = firstTurn === -1 ? messages : messages.slice(0, firstTurn)
  const rest = firstTurn === -1 ? [] : messages.slice(firstTurn)
  const turns: Turn[] = []
  let index = -1
  for (const message of rest) {
    index += 1
    const content = message.content.flatMap((block) => encodeBlock(block, departures))
    if (content.length === 0) continue
    if (!isInstruction(message)) addTo(turns, roleOf(message), content)
    else if (model.laterSystem && mayStandHere(rest, index, turns)) addTo(turns, 'system', content)
    else addTo(turns, 'user', content.map(asMarkedText))
  }
  for (const turn of turns) if (turn.role === 'user') resultsFirst(turn.content)
  trimPrefill(turns.at(-1))
  return {
    system: front.flatMap((message) =>
      message.content.flatMap((block) => instruction(block, departures)),
    ),
    messages: turns.map(({ role, content }) => ({ role, content })),
  }
}

function isInstruction({ role }: Message): boolean {
  return role === 'system' || role === 'developer'
}

function roleOf({ role }: Message): 'user' | 'assistant' {
  return role === 'assistant' ? 'assistant' : 'user'
}

/** `system` takes text only. */
function instruction(block: Block, departures: Departures): readonly JsonObject[] {
  return encodeBlock(block, departures).filter((part) => part['type'] === 'text')
}

function addTo(turns: Turn[], role: Turn['role'], content: readonly JsonObject[]): void {
  const last = turns.at(-1)
  if (last?.role === role) last.content.push(...content)
  else turns.push({ role, content: [...content] })
}

/**
 * A system message inside the conversation follows a user turn and is last or
 * followed by the assistant (platform.claude.com, mid-conversation system
 * messages, 2026-11-20).
 */
function mayStandHere(
  messages: readonly Message[],
  index: number,
  turns: readonly Turn[],
): boolean {
  const before = turns.at(-1)?.role
  const after = messages.slice(index + 1).find((message) => !isInstruction(message))
  return (
    (before === 'user' || before === 'system') &&
    (after === undefined || after.role === 'assistant')
  )
}

/** Where a later system message cannot stand, its text is the user's, marked as what it was. */
function asMarkedText(part: JsonObject): JsonObject {
  return part['type'] === 'text'
    ? { ...part, text: `<system>\n${String(part['text'])}\n</system>` }
    : part
}

/** Results precede everything else in the turn after a tool call, or the API refuses it (tool use, "Handle tool results"). */
function resultsFirst(content: JsonObject[]): void {
  if (!content.some(isResult)) return
  content.sort((a, b) => Number(isResult(b)) - Number(isResult(a)))
}

function isResult(part: JsonObject): boolean {
  return part['type'] === 'tool_result'
}

/** "final assistant content cannot end with trailing whitespace": the API's words for a prefill that does. */
function trimPrefill(turn: Turn | undefined): void {
  if (turn?.role !== 'assistant') return
  const last = turn.content.at(-1)
  if (last?.['type'] !== 'text') return
  const text = String(last['text']).trimEnd()
  turn.content.pop()
  if (text !== '') turn.content.push({ ...last, text })
}
