import { answerStream } from './answer-stream.ts'
import { answerWhole } from './answer-whole.ts'
import type { Climb, Deferred } from './climb.ts'
import type { Exchange } from './exchange.ts'
import { climb } from './ladder.ts'
import { questionOf } from './ladder-keep.ts'
import { answerMade } from './made.ts'

/** Answers a request of a route that knows what to do when it cannot answer as it should. */
export async function answerByLadder(
  on: Omit<Climb, 'question'>,
  deadlineAtMs: number,
): Promise<Response> {
  const { planned, exchange } = on
  const { request, settings } = planned
  const climbing = climb({ ...on, question: questionOf(on) })
  if (request.stream) {
    const running = climbing.then((result) => {
      // A stream is answered by a stream: what is begun in place of one is for whole answers only.
      if (result.kind === 'deferred') throw new Error('a streamed request was deferred')
      return result
    })
    return answerStream(running, exchange, settings, deadlineAtMs)
  }
  const result = await climbing
  switch (result.kind) {
    case 'deferred':
      return answerDeferred(result, exchange)
    case 'made':
      return answerMade(result, false, exchange)
    default:
      return answerWhole(result, exchange, request)
  }
}

/** The job writes a record of its own; this one says what became of the request here. */
function answerDeferred({ response, failed }: Deferred, exchange: Exchange): Response {
  const { step, reason, records } = failed
  const { status, body } = response
  exchange.called({ step, reason, attempts: records, firstTokenMs: null })
  exchange.settle({ ending: 'finished', status })
  const headers = new Headers(response.headers)
  for (const [name, value] of Object.entries(exchange.headers())) headers.set(name, value)
  return new Response(body, { status, headers })
}
