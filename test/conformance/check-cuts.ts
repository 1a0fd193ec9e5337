import type { ProviderAdapter } from '../../worker/providers/adapter.ts'
import type { Framing } from '../../worker/streams/framer.ts'
import { differences, type Answer, type AnswerChoice } from './answer.ts'
import { answerOfEvents } from './canonical-answer.ts'
import { decodeStream, endingFaults } from './check-decoding.ts'
import { seededRandom } from './splits.ts'

/**
 * Stops a recorded stream at random places: what was cut is never called
 * finished, it ends in one failure, and what had come is what the oracle reads
 * in the same bytes.
 */
export function checkCuts(
  adapter: ProviderAdapter,
  framing: Framing,
  bytes: Uint8Array,
  oracleOf: (bytes: Uint8Array) => Answer,
  cuts: number,
  seed: number,
): string[] {
  const random = seededRandom(seed)
  for (let cut = 0; cut < cuts; cut += 1) {
    const length = 1 + Math.floor(random() * (bytes.length - 1))
    const prefix = bytes.subarray(0, length)
    const oracle = oracleOf(prefix)
    const events = decodeStream(adapter, framing, [prefix])
    const found = [...endingFaults(events), ...cutFaults(oracle, answerOfEvents(events))]
    if (found.length > 0) return found.map((fault) => `cut after ${length} bytes: ${fault}`)
  }
  return []
}

function cutFaults(oracle: Answer, answer: Answer): string[] {
  const ignore = new Set(['proofs', 'citations', 'media', 'toolCalls'] as const)
  const calls = oracle.choices.flatMap((choice) => {
    const got = answer.choices.find(({ index }) => index === choice.index)
    return callFaults(choice, got)
  })
  return [...differences(withoutEmpty(oracle), withoutEmpty(answer), { ignore }), ...calls]
}

/** A choice of which nothing but the beginning of a call had come is as good as none. */
function withoutEmpty(answer: Answer): Answer {
  const said = ({ text, reasoning, refusal, media }: AnswerChoice): boolean =>
    text + reasoning + refusal !== '' || media > 0
  return { ...answer, choices: answer.choices.filter(said) }
}

/** The last call, or its arguments, may still be held back: they were not complete (Gemini writes them as path and value). */
function callFaults(oracle: AnswerChoice, got: AnswerChoice | undefined): string[] {
  const want = oracle.toolCalls
  const have = got?.toolCalls ?? []
  if (have.length < want.length - 1 || have.length > want.length) {
    return [`tool calls: expected ${want.length}, got ${have.length}`]
  }
  return have.flatMap((call, index) => {
    const wanted = want[index]
    const heldBack = index === want.length - 1 && call.arguments === '{}'
    return call.name === wanted?.name && (heldBack || call.arguments === wanted.arguments)
      ? []
      : [`tool call ${index}: expected ${JSON.stringify(wanted)}, got ${JSON.stringify(call)}`]
  })
}
