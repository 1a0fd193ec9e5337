import { breaking, breaks, message, whole } from './breaking-streams.ts'
import { type Answer, json, refusing, silence, wholeAnswer } from './fake-host.ts'

/** A broken or slow answer of each kind, and sound ones. The same call number gets the same. */
const answers: Readonly<Record<string, (isClaude: boolean) => Answer>> = {
  sound: (isClaude) => sound(isClaude),
  overloaded: () => refusing(503),
  limited: () => refusing(429, { message: 'slow down' }, { 'retry-after': '2' }),
  spent: () => refusing(429, { message: 'spent', code: 'insufficient_quota' }),
  broken: () => refusing(500),
  unauthorized: () => refusing(401),
  rejected: () => refusing(400),
  tooLong: () => refusing(400, { message: 'too long', code: 'context_length_exceeded' }),
  filtered: () => refusing(400, { message: 'refused', code: 'content_filter' }),
  refused: () => () => Promise.reject(new TypeError('connection refused')),
  silent: () => silence,
  garbage: () => () => new Response('{"half":'),
  page: () => () => new Response('<html>', { headers: { 'content-type': 'text/html' } }),
  empty: (isClaude) => (isClaude ? message([]) : whole('')),
  ...Object.fromEntries(breaks.map((how) => [how, () => breaking(how, 'The cat ', 'sat on')])),
}
export const behaviours = Object.keys(answers)

function sound(isClaude: boolean): Answer {
  return (call, number) => {
    const isStream = (call.body as { stream?: boolean } | null)?.stream === true
    if (isClaude) return isStream ? message(['Good', ' day'])(call, number) : claudeWhole()
    return isStream ? whole('Hello', ' there')(call, number) : json(wholeAnswer)(call, number)
  }
}

function claudeWhole(): Response {
  return Response.json({
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'claude-sonnet-4-5',
    content: [{ type: 'text', text: 'Good day' }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: 10, output_tokens: 2 },
  })
}

export function answerOf(behaviour: string, isClaude: boolean): Answer {
  const made = answers[behaviour]
  if (made === undefined) throw new Error(`nobody behaves as ${behaviour}`)
  return made(isClaude)
}
