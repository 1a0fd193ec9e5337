import {
  anthropicMessages,
  parseCountTokens,
  renderCountTokens,
} from './dialects/anthropic-messages/index.ts'
import type { Dialect } from './dialects/dialect.ts'
import { openAiChat } from './dialects/openai-chat/index.ts'
import type { Caller } from './engine/caller.ts'
import type { Exchange } from './engine/exchange.ts'
import type { RequestRecord } from './engine/record.ts'
import { serve } from './engine/serve.ts'
import { serveCountTokens } from './engine/serve-count-tokens.ts'
import { type BodyReader, serveExplain } from './engine/serve-explain.ts'

/** Endpoints of the public face that later versions build. */
export const notBuilt = [
  '/v1/responses',
  '/v1/embeddings',
  '/v1/rerank',
  '/v1/moderations',
  '/v1/images/generations',
  '/v1/audio/speech',
  '/v1/audio/transcriptions',
  '/v1/extract',
]

/** How the requests of one path are answered, wherever they are: at the edge or in an object. */
export interface Pipeline {
  readonly dialect: Dialect
  readonly operation: RequestRecord['operation']
  serve(request: Request, caller: Caller, exchange: Exchange): Promise<Response>
}

function chat(dialect: Dialect): Pipeline {
  return {
    dialect,
    operation: 'chat',
    serve: (request, caller, exchange) => serve(request, dialect, caller, exchange),
  }
}

const counting = { parse: parseCountTokens, render: renderCountTokens }

const pipelines: Readonly<Record<string, Pipeline>> = {
  '/v1/chat/completions': chat(openAiChat),
  '/v1/messages': chat(anthropicMessages),
  '/v1/messages/count_tokens': {
    dialect: anthropicMessages,
    operation: 'count_tokens',
    serve: (request, caller, exchange) => serveCountTokens(request, counting, caller, exchange),
  },
  '/v1/explain': {
    dialect: openAiChat,
    operation: 'explain',
    serve: (request, caller, exchange) => serveExplain(request, bodyReaderOf, caller, exchange),
  },
}

/** Null: no body is read there, or nothing is there. */
export function pipelineOf(path: string): Pipeline | null {
  return Object.hasOwn(pipelines, path) ? (pipelines[path] ?? null) : null
}

export function bodyReaderOf(path: string): BodyReader | null {
  if (path === '/v1/chat/completions') return openAiChat.parse
  if (path === '/v1/messages') return anthropicMessages.parse
  if (path === '/v1/messages/count_tokens') return parseCountTokens
  return notBuilt.includes(path) ? 'not-built' : null
}

/** Errors are told in the dialect of the path, and that of OpenAI elsewhere. */
export function dialectOf(path: string): Dialect {
  return path.startsWith('/v1/messages') ? anthropicMessages : openAiChat
}
