import type { Block } from '../../canonical/blocks.ts'
import type { CanonicalResponse } from '../../canonical/response.ts'
import type { JsonObject } from '../../canonical/request.ts'
import type { RenderContext } from '../dialect.ts'
import { isObject } from '../shared/path.ts'
import { renderFinish } from './finish.ts'
import { renderUsage } from './usage.ts'
import {
  customInput,
  mediaText,
  opaqueValue,
  renderCitation,
  renderThinking,
  renderToolUse,
} from './wire-blocks.ts'

/** A whole answer as a `message`, with `cost` in USD beside it when there is a price. Of several choices the first is told. */
export function renderResponse(response: CanonicalResponse, context: RenderContext): JsonObject {
  const { usage } = response
  const [choice] = response.choices
  const cost = usage === undefined ? null : context.costUsd(usage)
  const counts = renderUsage(usage)
  return {
    id: response.id ?? context.requestId,
    type: 'message',
    role: 'assistant',
    model: response.model ?? context.model,
    content: (choice?.content ?? []).flatMap(renderBlock),
    ...renderFinish(choice?.finish),
    container: null,
    diagnostics: null,
    usage: context.includeCost && cost !== null ? { ...counts, cost } : counts,
    ...(cost === null ? {} : { cost }),
  }
}

function renderBlock(block: Block): readonly JsonObject[] {
  switch (block.type) {
    case 'text':
      return [
        {
          type: 'text',
          text: block.text,
          citations: block.citations === undefined ? null : block.citations.map(renderCitation),
        },
      ]
    case 'refusal':
      return [textBlock(block.text)]
    case 'reasoning':
      return renderThinking(block)
    case 'toolCall': {
      const input =
        block.custom === true ? customInput(block.arguments) : parsedInput(block.arguments)
      return [{ ...renderToolUse(block), input }]
    }
    case 'media': {
      const text = mediaText(block)
      return text === '' ? [] : [textBlock(text)]
    }
    case 'opaque': {
      const value = opaqueValue(block.raw)
      return value === null ? [] : [value]
    }
    case 'image':
    case 'audio':
    case 'video':
    case 'file':
    case 'toolResult':
      // Blocks of requests; no decoder puts them into an answer.
      return []
  }
}

function textBlock(text: string): JsonObject {
  return { type: 'text', text, citations: null }
}

/** Arguments as the object the wire wants; `null` is how some models say that there are none. What is no object (a model may write anything) is kept as text, so that nothing is lost. */
function parsedInput(text: string): JsonObject {
  if (text.trim() === '') return {}
  try {
    const value: unknown = JSON.parse(text)
    if (value === null) return {}
    return isObject(value) ? value : customInput(text)
  } catch {
    return customInput(text)
  }
}
