import type { CanonicalEvent, ChoiceFinish } from '../canonical/events.ts'
import { collect } from '../canonical/response.ts'
import type { Target } from '../edge/runtime.ts'
import type { PlannedStep } from '../policy/plan.ts'
import { encode } from './carry.ts'
import { usageOf } from './call-seen.ts'
import type { Exchange } from './exchange.ts'
import type { AttemptRecord } from './record.ts'

/** An answer that no provider was asked for: it costs nothing. */
export interface Made {
  readonly kind: 'made'
  readonly by: 'cache' | 'template'
  /** The step of the plan whose target once made it, and that target; null: a fixed text. */
  readonly source: { readonly step: PlannedStep; readonly target: Target } | null
  /** One `finish` ends them. */
  readonly events: readonly CanonicalEvent[]
  /** Calls that were made before, in vain. */
  readonly records: readonly AttemptRecord[]
  readonly reason: string
}

/** The answer to a caller whose response has not begun: a stream where they asked for one. */
export function answerMade(made: Made, isStream: boolean, exchange: Exchange): Response {
  exchange.made(made)
  const context = exchange.madeContext(made)
  if (!isStream) {
    const collected = collect(made.events)
    const response = collected.ok ? collected.response : collected.partial
    const body = JSON.stringify(exchange.dialect.renderResponse(response, context))
    settle(made, 'json', exchange)
    return exchange.json(body)
  }
  const text = streamOf(made, exchange)
  settle(made, 'translate', exchange)
  return exchange.stream(new Response(text).body ?? new ReadableStream())
}

/** The same in a response that has begun with heartbeats. */
export async function answerMadeLate(
  made: Made,
  exchange: Exchange,
  writer: WritableStreamDefaultWriter<Uint8Array>,
): Promise<void> {
  exchange.made(made)
  const text = streamOf(made, exchange)
  settle(made, 'translate', exchange)
  try {
    await writer.write(encode(text))
    await writer.close()
  } catch {
    exchange.ports.clientLeft()
  }
}

function streamOf(made: Made, exchange: Exchange): string {
  const renderer = exchange.dialect.createStreamRenderer(exchange.madeContext(made))
  return made.events.map((event) => renderer.render(event)).join('')
}

function settle(made: Made, plumbing: 'json' | 'translate', exchange: Exchange): void {
  const usage = usageOf(made.events)
  const choices = finishOf(made.events)
  const gone = exchange.ports.clientGone.aborted
  const ending = gone ? 'client_gone' : 'finished'
  exchange.settle({ ending, status: 200, plumbing, usage, choices })
}

function finishOf(events: readonly CanonicalEvent[]): readonly ChoiceFinish[] | undefined {
  const last = events.at(-1)
  return last?.type === 'finish' ? last.choices : undefined
}
