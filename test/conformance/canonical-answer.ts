import type { Block } from '../../worker/canonical/blocks.ts'
import type { CanonicalEvent } from '../../worker/canonical/events.ts'
import { collect } from '../../worker/canonical/response.ts'
import { AnswerDraft, type Answer } from './answer.ts'

/** Decoded events in the form of the oracles. */
export function answerOfEvents(events: readonly CanonicalEvent[]): Answer {
  const collected = collect(events)
  const response = collected.ok ? collected.response : collected.partial
  const draft = new AnswerDraft()
  if (collected.ok) draft.ending = 'finished'
  else draft.ending = collected.failure.class === 'truncated' ? 'cut' : 'error'
  for (const choice of response.choices) {
    const into = draft.choice(choice.index)
    for (const block of choice.content) addBlock(into, block)
    if (!collected.ok) continue
    into.finish = choice.finish.reason
    if (choice.finish.stopSequence !== undefined) into.stopSequence = choice.finish.stopSequence
  }
  const usage = response.usage
  draft.addUsage({
    input: usage?.inputTokens,
    output: usage?.outputTokens,
    reasoning: usage?.reasoningTokens,
    cacheRead: usage?.cacheReadTokens,
    cacheWrite: usage?.cacheWriteTokens,
  })
  return draft.result()
}

function addBlock(into: ReturnType<AnswerDraft['choice']>, block: Block): void {
  switch (block.type) {
    case 'text':
      into.text += block.text
      into.citations += block.citations?.length ?? 0
      return
    case 'reasoning':
      into.reasoning += block.text
      if (block.signature !== undefined) into.proofs.push(block.signature)
      if (block.redacted !== undefined) into.proofs.push(block.redacted)
      return
    case 'refusal':
      into.refusal += block.text
      return
    case 'toolCall':
      into.toolCalls.push({ name: block.name, arguments: block.arguments, id: block.id })
      return
    case 'media':
      into.media += 1
      into.transcript += block.transcript ?? ''
      return
    default:
  }
}
