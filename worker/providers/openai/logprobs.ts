import type { TokenLogprob } from '../../canonical/events.ts'
import { listOf, numberOf, objectOf, textOf } from './wire.ts'

interface WireLogprob {
  readonly token?: unknown
  readonly logprob?: unknown
  readonly bytes?: unknown
  readonly top_logprobs?: unknown
}

/** `logprobs.content` or `logprobs.refusal`; undefined when there is none. */
export function decodeLogprobs(value: unknown): readonly TokenLogprob[] | undefined {
  const decoded = listOf(value).flatMap((item) => {
    const wire = objectOf<WireLogprob>(item)
    const own = wire === null ? null : oneLogprob(wire)
    if (wire === null || own === null) return []
    if (!Array.isArray(wire.top_logprobs)) return [own]
    const top = wire.top_logprobs.flatMap((other) => {
      const logprob = oneLogprob(objectOf<WireLogprob>(other) ?? {})
      return logprob === null ? [] : [logprob]
    })
    return [{ ...own, top }]
  })
  return decoded.length === 0 ? undefined : decoded
}

function oneLogprob(wire: WireLogprob): Omit<TokenLogprob, 'top'> | null {
  const logprob = numberOf(wire.logprob)
  if (typeof wire.token !== 'string' || logprob === undefined) return null
  if (wire.bytes === undefined) return { token: wire.token, logprob }
  const bytes = Array.isArray(wire.bytes)
    ? wire.bytes.filter((byte): byte is number => typeof byte === 'number')
    : null
  return { token: wire.token, logprob, bytes }
}

/** Together's older form: parallel lists of tokens and logprobs. */
export function decodeTokenLists(value: unknown): readonly TokenLogprob[] | undefined {
  const lists = objectOf<{ tokens?: unknown; token_logprobs?: unknown }>(value)
  const logprobs = listOf(lists?.token_logprobs)
  const decoded = listOf(lists?.tokens).flatMap((token, position) => {
    const text = textOf(token)
    const logprob = numberOf(logprobs[position])
    return text === undefined || logprob === undefined ? [] : [{ token: text, logprob }]
  })
  return decoded.length === 0 ? undefined : decoded
}
