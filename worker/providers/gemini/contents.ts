import type { Block, ToolResultBlock } from '../../canonical/blocks.ts'
import type { JsonObject, Message } from '../../canonical/request.ts'
import type { Departures } from '../departures.ts'
import { objectOf } from '../json-values.ts'
import { partsOf, resultPart } from './parts.ts'

/**
 * Stands for the proof of a call that another model made: Gemini 3 refuses a
 * call without one (https://ai.google.dev/gemini-api/docs/thought-signatures, 2026-11-20;
 * corpus json-tool-call-anthropic-to-google-deferred-capability-history-replay-2f5683).
 */
const foreignCallSignature = 'skip_thought_signature_validator'

interface Content {
  readonly role: 'user' | 'model'
  readonly parts: JsonObject[]
  readonly hasToolResults: boolean
}

/** `systemInstruction`: every system and developer message, in order; the wire has no place for one between turns. */
export function systemInstructionOf(
  messages: readonly Message[],
  departures: Departures,
): JsonObject | undefined {
  const parts = messages
    .filter(isInstruction)
    .flatMap((message) => message.content)
    .flatMap((block) => partsOf(block, new Map(), departures))
  return parts.length === 0 ? undefined : { parts }
}

function isInstruction(message: Message): boolean {
  return message.role === 'system' || message.role === 'developer'
}

/**
 * `contents`: the turns. Results of calls made together must stand in one turn,
 * so tool results that follow one another are joined.
 */
export function contentsOf(
  messages: readonly Message[],
  isThirdGeneration: boolean,
  departures: Departures,
): JsonObject[] {
  const toolNames = toolNamesOf(messages)
  const contents: Content[] = []
  for (const message of messages) {
    if (isInstruction(message)) continue
    const content = contentOf(message, toolNames, isThirdGeneration, departures)
    const last = contents.at(-1)
    if (content.parts.length === 0) continue
    if (last?.hasToolResults === true && content.hasToolResults) last.parts.push(...content.parts)
    else contents.push(content)
  }
  return contents.map(({ role, parts }) => ({ role, parts: resultsFirst(parts) }))
}

function toolNamesOf(messages: readonly Message[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  for (const message of messages)
    for (const block of message.content)
      if (block.type === 'toolCall') names.set(block.id, block.name)
  return names
}

function contentOf(
  message: Message,
  toolNames: ReadonlyMap<string, string>,
  isThirdGeneration: boolean,
  departures: Departures,
): Content {
  const parts = message.content.flatMap((block) =>
    block.type === 'toolResult'
      ? toolResultParts(block, toolNames, isThirdGeneration, departures)
      : partsOf(block, toolNames, departures),
  )
  const isModel = message.role === 'assistant'
  if (isModel && isThirdGeneration) signFirstCall(parts)
  return {
    role: isModel ? 'model' : 'user',
    parts,
    hasToolResults: message.content.some((block) => block.type === 'toolResult'),
  }
}

/** Only the first of parallel calls carries a proof. */
function signFirstCall(parts: JsonObject[]): void {
  const position = parts.findIndex((part) => objectOf(part['functionCall']) !== undefined)
  const first = parts[position]
  if (first === undefined || first['thoughtSignature'] !== undefined) return
  parts[position] = { ...first, thoughtSignature: foreignCallSignature }
}

/** Models before Gemini 3 take no media inside a tool's answer: they follow it as parts of the turn. */
function toolResultParts(
  block: ToolResultBlock,
  toolNames: ReadonlyMap<string, string>,
  isThirdGeneration: boolean,
  departures: Departures,
): JsonObject[] {
  const media = block.content
    .filter((one: Block) => one.type !== 'text' && one.type !== 'refusal')
    .flatMap((one) => partsOf(one, toolNames, departures))
  return isThirdGeneration
    ? [resultPart(block, toolNames, media)]
    : [resultPart(block, toolNames, []), ...media]
}

/** Answers to calls come before anything else in their turn. */
function resultsFirst(parts: readonly JsonObject[]): readonly JsonObject[] {
  const isResult = (part: JsonObject): boolean => 'functionResponse' in part
  return [...parts.filter(isResult), ...parts.filter((part) => !isResult(part))]
}
