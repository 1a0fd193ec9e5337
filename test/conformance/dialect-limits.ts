import type { Dialect } from '../../worker/dialects/dialect.ts'
import type { Wire } from '../../worker/canonical/blocks.ts'
import type { Answer, AnswerChoice, AnswerFinish, AnswerPart, ComparisonOptions } from './answer.ts'

interface DialectLimits {
  /** Parts of an answer that the dialect has no place for, with the reason. */
  readonly cannotCarry: Readonly<Partial<Record<AnswerPart, string>>>
  /** Finishes that the dialect has no word for, and the word it uses instead. */
  readonly finishes: Readonly<Partial<Record<AnswerFinish, AnswerFinish>>>
  /** What the recorded answer becomes where the dialect has another place for a part. */
  readonly expected: (oracle: Answer, form: 'stream' | 'json') => Answer
  /** What is taken off an answer that was read back: parts told in the text. */
  readonly heard: (answer: Answer) => Answer
}

function mapChoices(answer: Answer, map: (choice: AnswerChoice) => AnswerChoice): Answer {
  return { ...answer, choices: answer.choices.map(map) }
}

/** Refusals and the words of audio are text; a whole answer's `input` is an object, so cut JSON stands inside one. */
function inMessagesForm(oracle: Answer, form: 'stream' | 'json'): Answer {
  const { input, cacheRead = 0, cacheWrite = 0 } = oracle.usage
  // The parts of the prompt stand beside each other and are added up again: a vendor's part that is larger than its whole is the whole.
  const usage = input === undefined ? {} : { input: Math.max(input, cacheRead + cacheWrite) }
  const whole = { ...oracle, usage: { ...oracle.usage, ...usage } }
  return mapChoices(whole, (choice) => ({
    ...choice,
    text: choice.text + choice.refusal + choice.transcript,
    toolCalls: choice.toolCalls.map((call) =>
      form === 'stream' || (call.arguments.startsWith('{') && isJson(call.arguments))
        ? call
        : { ...call, arguments: JSON.stringify({ input: call.arguments }) },
    ),
  }))
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Images the model made are Markdown in the text. */
function withoutMarkdownImages(answer: Answer): Answer {
  return mapChoices(answer, (choice) => ({
    ...choice,
    text: choice.text.replaceAll(/!\[image\]\([^)]*\)/g, ''),
  }))
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
    expected: (oracle) => oracle,
    heard: (answer) => answer,
  },
  'anthropic-messages': {
    cannotCarry: {
      choicesAfterFirst: 'Messages has one answer',
      refusal: 'a refusal is text',
      media: 'Messages has no audio or images in answers',
      proofs: 'compared for providers of the same wire only',
      citations: 'compared for providers of the same wire only',
      stopSequence: 'compared for providers of the same wire only',
    },
    finishes: {
      contentFilter: 'refusal',
      other: 'stop',
    },
    expected: inMessagesForm,
    heard: withoutMarkdownImages,
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
