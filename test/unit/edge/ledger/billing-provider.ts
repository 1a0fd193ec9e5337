import { type Answer, chunk, event, UpstreamBody } from '../../../support/fake-host.ts'
import type { Town } from './support.ts'

/** What a call comes to. Those of the first list cost what their provider says they cost. */
export const knownFates = ['whole', 'declined', 'overloaded', 'streamed'] as const
export const unknownFates = [
  'hang',
  'reset',
  'malformed',
  'truncated',
  'broken',
  'stalled',
] as const
export type Fate = (typeof knownFates)[number] | (typeof unknownFates)[number]

/** What one call is to do: everything is drawn before it is made. */
export interface Script {
  readonly fate: Fate
  /** Shares of the most that could be billed, hundredths. */
  readonly inputShare: number
  readonly outputShare: number
  readonly delayMs: number
  readonly pieces: number
}

export interface Rates {
  readonly input: number
  readonly output: number
  /** Bills no more than what was on its way once its client has gone. */
  readonly stops: boolean
}

/** Tokens that may be on their way when a client leaves: 256 are allowed for, of which so many may be in one piece. */
const lag = 156
const largestPiece = 100
/** The prompt of every request here is bounded by so many tokens. */
const mostInput = 21

/** A provider that bills as much as it may, and keeps the true books. */
export class BillingProvider {
  billed = 0
  calls = 0
  readonly #town: Town
  readonly #rates: Rates
  readonly #next: () => Script

  constructor(town: Town, rates: Rates, next: () => Script) {
    this.#town = town
    this.#rates = rates
    this.#next = next
  }

  readonly answer: Answer = async ({ body, signal }) => {
    this.calls += 1
    const script = this.#next()
    const asked = body as { max_completion_tokens?: number; max_tokens?: number; stream?: boolean }
    const limit = asked.max_completion_tokens ?? asked.max_tokens
    if (limit === undefined) throw new Error('a call without a limit')
    await this.#pause(script.delayMs)
    if (script.fate === 'declined')
      return Response.json({ error: { message: 'no' } }, { status: 400 })
    if (script.fate === 'overloaded')
      return Response.json({ error: { message: 'busy' } }, { status: 503 })
    const input = Math.ceil((mostInput * script.inputShare) / 100)
    return asked.stream === true
      ? this.#stream(script, input, limit, signal)
      : this.#whole(script, input, limit)
  }

  #bill(input: number, output: number): void {
    this.billed += input * this.#rates.input + output * this.#rates.output
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#town.clock.after(delayMs, resolve))
  }

  async #whole({ fate, outputShare }: Script, input: number, limit: number): Promise<Response> {
    const isKnown = fate === 'whole' || fate === 'streamed'
    const output = isKnown ? Math.ceil((limit * outputShare) / 100) : limit
    this.#bill(isKnown ? input : mostInput, output)
    if (isKnown) return Response.json(wholeOf(input, output))
    if (fate === 'reset') throw new TypeError('connection reset')
    if (fate === 'malformed' || fate === 'truncated' || fate === 'broken')
      return new Response('{"choices": [', { headers: { 'content-type': 'application/json' } })
    return new Promise<never>(() => undefined)
  }

  async #stream(
    script: Script,
    input: number,
    limit: number,
    signal: AbortSignal,
  ): Promise<Response> {
    const { fate, pieces, outputShare } = script
    const body = new UpstreamBody()
    const state = { sent: 0, isOver: false }
    const leave = () => {
      if (state.isOver) return
      state.isOver = true
      const rest = limit - state.sent
      this.#bill(0, this.#rates.stops ? Math.min(lag, rest) : rest)
      body.break(new DOMException('aborted', 'AbortError'))
    }
    if (signal.aborted) {
      this.#bill(input, 0)
      leave()
      throw new DOMException('aborted', 'AbortError')
    }
    if (fate === 'reset' || fate === 'hang' || fate === 'malformed') {
      this.#bill(mostInput, 0)
      signal.addEventListener('abort', leave)
      if (fate === 'hang') return new Promise<never>(() => undefined)
      leave()
      if (fate === 'reset') throw new TypeError('connection reset')
      return new Response('<html>', { headers: { 'content-type': 'text/html' } })
    }
    this.#bill(input, 0)
    signal.addEventListener('abort', leave)
    const total = Math.ceil((limit * outputShare) / 100)
    void this.#write(
      { ...script, pieces: Math.max(Math.min(pieces, total), Math.ceil(total / largestPiece)) },
      input,
      total,
      limit,
      body,
      state,
    )
    return new Response(body.stream, { headers: { 'content-type': 'text/event-stream' } })
  }

  async #write(
    { fate, pieces }: Script,
    input: number,
    total: number,
    limit: number,
    body: UpstreamBody,
    state: { sent: number; isOver: boolean },
  ): Promise<void> {
    for (let piece = 0; piece < pieces; piece += 1) {
      if (state.isOver) return
      const tokens = Math.floor(total / pieces)
      // No token is shorter than a byte.
      this.#bill(0, tokens)
      state.sent += tokens
      body.push(chunk('x'.repeat(tokens)))
      await this.#pause(40)
    }
    if (state.isOver || fate === 'stalled') return
    state.isOver = true
    if (fate === 'truncated' || fate === 'broken') {
      // It goes on at the provider, to the end.
      this.#bill(mostInput - input, limit - state.sent)
      if (fate === 'broken') body.push('data: {"choices": [\n\n')
      body.end()
      return
    }
    body.push(endOf(input, state.sent)).end()
  }
}

function usageOf(input: number, output: number) {
  return { prompt_tokens: input, completion_tokens: output, total_tokens: input + output }
}

function wholeOf(input: number, output: number) {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content: 'x' }, finish_reason: 'stop' }],
    usage: usageOf(input, output),
  }
}

function endOf(input: number, output: number): string {
  const head = { id: 'chatcmpl-1', created: 1, model: 'm' }
  const finish = [{ index: 0, delta: {}, finish_reason: 'stop' }]
  return `${event({ ...head, choices: finish })}${event({ ...head, choices: [], usage: usageOf(input, output) })}data: [DONE]\n\n`
}
