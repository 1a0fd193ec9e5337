import type { Dialect } from '../../worker/dialects/dialect.ts'
import type { Wire } from '../../worker/canonical/blocks.ts'
import type { AnswerFinish, AnswerPart, ComparisonOptions } from './answer.ts'

interface DialectLimits {
  /** Parts of an answer that the dialect has no place for, with the reason. */
  readonly cannotCarry: Readonly<Partial<Record<AnswerPart, string>>>
  /** Finishes that the dialect has no word for, and the word it uses instead. */
  readonly finishes: Readonly<Partial<Record<AnswerFinish, AnswerFinish>>>
}

/** What is lost on the way to a client, as data: everything else must arrive. */
export const dialectLimits: Readonly<Record<Dialect['id'], DialectLimits>> = {
  'openai-chat': {
    cannotCarry: {
      proofs: 'Chat Completions has no field for signed thoughts',
      stopSequence: 'Chat Completions does not say which stop sequence was hit',
      'usage.cacheWrite':
        'not in OpenAI’s published usage object; compared for providers of the same wire only',
      citations: 'only citations of a URL have a place (`url_citation`)',
    },
    finishes: {
      refusal: 'contentFilter',
      pause: 'stop',
      contextWindow: 'length',
      other: 'stop',
    },
  },
  'anthropic-messages': {
    cannotCarry: {
      choicesAfterFirst: 'Messages has one answer',
      refusal: 'a refusal is text with `stop_reason: refusal`',
      media: 'Messages has no audio or images in answers',
      proofs: 'compared for providers of the same wire only',
      citations: 'compared for providers of the same wire only',
      stopSequence: 'compared for providers of the same wire only',
    },
    finishes: {
      contentFilter: 'refusal',
      other: 'stop',
    },
  },
}

/** How an answer of a provider of `wire` is compared after it was written in `dialect`. */
export function comparisonFor(dialect: Dialect, wire: Wire): ComparisonOptions {
  const limits = dialectLimits[dialect.id]
  const ignore = new Set(Object.keys(limits.cannotCarry) as AnswerPart[])
  if (dialect.wire === wire && dialect.id === 'anthropic-messages') {
    for (const part of ['proofs', 'citations', 'stopSequence'] as const) ignore.delete(part)
  }
  return { ignore, finish: (finish) => limits.finishes[finish] ?? finish }
}
