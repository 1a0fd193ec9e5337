import { endingOf } from '../../durable-objects/tenant-ledger/access/idempotency.ts'
import { gatewayError, invalidRequest } from '../canonical/errors.ts'
import { AnswerRecorder, readIdempotencyKey } from '../edge/access/idempotency-key.ts'
import type { Caller } from './caller.ts'
import type { Exchange } from './exchange.ts'
import type { OnceRun } from './once-port.ts'

/**
 * Claims the caller's `idempotency-key`, as its header has it, before anything is bought. Null: there is none. A response: the answer of the
 * first request with this key, or the reason why there is none.
 */
export function claimOnce(
  header: string | null,
  inbound: Request,
  body: unknown,
  caller: Caller,
  exchange: Exchange,
): Promise<OnceRun | Response | null> | Response | null {
  const read = readIdempotencyKey(header)
  if (read.kind === 'none') return null
  if (read.kind === 'invalid') return exchange.refuse(invalidRequest(read.message))
  return claimKey(read.key, inbound, body, caller, exchange)
}

async function claimKey(
  key: string,
  inbound: Request,
  body: unknown,
  caller: Caller,
  exchange: Exchange,
): Promise<OnceRun | Response | null> {
  const { once } = exchange.ports
  // Whoever has no ledger has said so already (`unhonouredHeaders`).
  if (once === null) return null
  const claimed = await claim(once, {
    caller,
    key,
    path: new URL(inbound.url).pathname,
    body,
    requestId: exchange.requestId,
  })
  switch (claimed.kind) {
    case 'fresh':
      return claimed.run
    case 'replay':
      return exchange.replay(claimed.answer, claimed.ranAs)
    case 'refused':
      return exchange.refuse(claimed.error)
  }
}

type OncePort = NonNullable<Exchange['ports']['once']>

async function claim(
  once: OncePort,
  ask: Parameters<OncePort['claim']>[0],
): ReturnType<OncePort['claim']> {
  try {
    return await once.claim(ask)
  } catch {
    const message = 'the ledger of this tenant cannot be reached, and an idempotency key needs it'
    const error = gatewayError('ledger_unavailable', 503, message, { retryAfterMs: 2000 })
    return { kind: 'refused', error }
  }
}

/** The answer of a claimed key: kept before its end is sent, so that whoever asks again finds it. */
export async function keepAnswer(
  answering: Promise<Response>,
  run: OnceRun,
  exchange: Exchange,
): Promise<Response> {
  let answer: Response
  try {
    answer = await answering
  } catch (fault) {
    await quietly(run.lose())
    throw fault
  }
  const { status, headers, body } = answer
  const isStream = headers.get('content-type')?.startsWith('text/event-stream') === true
  if (isStream && body !== null) return keepStream(answer, body, run, exchange)
  const bytes = new Uint8Array(await answer.arrayBuffer())
  const { status: told } = await exchange.settled
  await quietly(end(run, exchange, { status: told, isComplete: true }, answer, bytes))
  return new Response(bytes, { status, headers })
}

function keepStream(
  answer: Response,
  body: ReadableStream<Uint8Array>,
  run: OnceRun,
  exchange: Exchange,
): Response {
  const recorder = new AnswerRecorder(run.mostBytes)
  const kept = body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        recorder.push(chunk)
        controller.enqueue(chunk)
      },
      flush: async () => {
        const { status, ending } = await exchange.settled
        const told = { status, isComplete: ending === 'finished' }
        await quietly(end(run, exchange, told, answer, recorder.body()))
      },
    }),
  )
  // A stream that its client leaves never comes to its end here.
  exchange.ports.waitUntil(loseBroken(run, exchange))
  return new Response(kept, { status: answer.status, headers: answer.headers })
}

async function loseBroken(run: OnceRun, exchange: Exchange): Promise<void> {
  const { ending } = await exchange.settled
  if (ending === 'client_gone') await quietly(run.lose())
}

async function end(
  run: OnceRun,
  exchange: Exchange,
  told: { readonly status: number; readonly isComplete: boolean },
  { headers }: Response,
  body: Uint8Array | null,
): Promise<void> {
  const { wasSent, isBilled } = exchange.bought
  // Who was promised a job has bought it, whether or not anybody was asked before.
  const isBought = wasSent || told.status === 202
  const what = endingOf({ ...told, wasSent: isBought, isBilled })
  if (what === 'finish') await run.finish(told.status, headers, body)
  else if (what === 'abandon') await run.abandon()
  else await run.lose()
}

/** The answer is the caller's whatever becomes of the key: it stays claimed, and says so later. */
async function quietly(work: Promise<void>): Promise<void> {
  try {
    await work
  } catch {
    // Nothing that its caller could do.
  }
}
