import type { RecordedCase } from './corpus.ts'

/** What is left out by a rule: the whole case is not run. */
export interface ExclusionRule {
  readonly name: string
  readonly reason: string
  readonly covers: (recorded: RecordedCase) => boolean
}

function operations(name: string, reason: string, ...covered: string[]): ExclusionRule {
  return { name, reason, covers: (recorded) => covered.includes(recorded.operation) }
}

/** The operations that this suite proves; an operation that neither list knows is a failure. */
export const provenOperations: ReadonlySet<string> = new Set(['chat', 'messages', 'count-tokens'])

export const exclusionRules: readonly ExclusionRule[] = [
  operations(
    'responses',
    'the OpenAI Responses dialect answers 501 until it is built',
    'responses',
  ),
  operations('embeddings', '/v1/embeddings answers 501 until it is built', 'embeddings'),
  operations('rerank', '/v1/rerank answers 501 until it is built', 'rerank'),
  operations('moderation', '/v1/moderations answers 501 until it is built', 'moderation'),
  operations('image', '/v1/images/generations answers 501 until it is built', 'image'),
  operations('audio', '/v1/audio/* answers 501 until it is built', 'speech', 'transcription'),
  operations(
    'completions',
    'the legacy text completions API: no dialect of ours is served by it',
    'completions',
  ),
  operations(
    'invoke',
    'Bedrock InvokeModel carries each model’s own format; the adapter speaks Converse',
    'invoke',
  ),
  operations(
    'generate',
    'Ollama’s /api/generate has no messages; the adapter speaks /api/chat',
    'generate',
  ),
  operations(
    'interactions',
    'Gemini’s Interactions API; the adapter speaks generateContent',
    'interactions',
  ),
  {
    name: 'cohere-v1',
    reason: 'Cohere’s retired v1 chat API; the adapter speaks v2',
    covers: ({ provider, meta }) => provider === 'cohere' && meta.tags.includes('cohere-v1'),
  },
]

/** The named checks of one case, so that an exclusion leaves the others standing. */
export type CheckName =
  | 'decode'
  | 'splits'
  | 'cuts'
  | 'openai-chat'
  | 'anthropic-messages'
  | 'request'
  | 'failure'
  | 'count-tokens'
  | 'differential'

export interface CaseExclusion {
  /** Checks that are expected to fail. One that passes fails the run: the exclusion has had its day. */
  readonly checks: readonly CheckName[]
  readonly reason: string
}

/** By case id: single recordings that contradict their own protocol. */
export const caseExclusions: Readonly<Record<string, CaseExclusion>> = {}
