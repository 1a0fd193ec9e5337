import type { FailureClass } from '../canonical/failure.ts'

/** Characters of a provider's message that a caller may see. */
const maxMessageCharacters = 500

/**
 * What a status says when the body says nothing better (`failureTable` has the
 * consequences). 504 is the provider's own gateway giving up: its fault, not
 * our deadline. 402 is an account without money, whoever the vendor is.
 */
export function classifyStatus(status: number): FailureClass {
  switch (status) {
    case 401:
    case 403:
      return 'auth'
    case 402:
      return 'quota_exhausted'
    case 408:
      return 'timeout'
    case 429:
      return 'rate_limited'
    case 503:
    case 529:
      return 'overloaded'
    default:
      return status >= 400 && status < 500 ? 'bad_request' : 'server_error'
  }
}

/**
 * How vendors say that the prompt does not fit. Sources: recorded corpus cases
 * tagged `context-length`, and the vendors' error pages, 2026-11-20.
 */
const contextLengthPhrases: readonly RegExp[] = [
  /context[_ ]length[_ ]exceeded/i,
  // OpenAI, DeepSeek, OpenRouter, vLLM, Groq, Fireworks, Mistral, Ollama, LM Studio, MiniMax, Workers AI
  /(?:exceed\w*|maximum|max|over|greater than|larger than)\b[^.]{0,60}\bcontext (?:length|window|size|limit)/i,
  /context (?:length|window|size|limit)\b[^.]{0,40}\b(?:exceed\w*|overflow\w*|limit of)/i,
  // Anthropic; Bedrock; Cohere; z.ai
  /prompt is too long|prompt too long|input is too long|prompt exceeds max(?:imum)? length/i,
  /too many (?:input )?tokens: |too many total text bytes/i,
  // Gemini: "The input token count (n) exceeds the maximum number of tokens allowed"
  /(?:input|prompt) token count\b[^.]{0,40}\bexceeds/i,
  // xAI: "maximum prompt length is n but the request contains m tokens"
  /maximum prompt length/i,
  // Moonshot: "exceeded model token limit: n"
  /exceeded model token limit/i,
  // TGI and Together: "`inputs` tokens + `max_new_tokens` must be <= n", "must have less than n tokens"
  /`?inputs`? (?:tokens \+|must have less than)/i,
  // Alibaba: "Range of input length should be [1, n]"
  /range of input length should be/i,
  // Cerebras: "Please reduce the length of the messages or completion"
  /reduce the length of the (?:messages|prompt|input)/i,
]

/** True when the provider's message says that the prompt is larger than the model's context. */
export function saysContextLength(message: string): boolean {
  return contextLengthPhrases.some((phrase) => phrase.test(message))
}

/** True when a 404 (or a vendor's 400) says that the model or deployment itself is missing, retired or not open to us. */
export function saysModelMissing(message: string): boolean {
  return (
    /\b(?:model|deployment|engine|inference profile)\b[ `'":]*(?:[\w./:@+-]*[`'"]*)?,? ?(?:is |has been |was |does |do )?(?:currently )?(?:not found|not exist|no longer|deprecated|decommissioned|retired|unavailable|not available|not supported|not a valid|end of (?:its )?life)/i.test(
      message,
    ) ||
    /\b(?:unknown|invalid|no such|unsupported) (?:model|deployment)\b|not a valid model|not a chat model|no endpoints found|(?:model|deployment) .{1,80} (?:does not exist|not found)/i.test(
      message,
    )
  )
}

/** Credential-like runs; the first group that matches anything is enough to hide the whole run. */
const secrets: readonly RegExp[] = [
  /\bBearer\s+[^\s"',;]+/gi,
  /\beyJ[\w-]{8,}\.[\w.-]+/g,
  /\b(?:sk|rk|pk)-[\w*.-]{4,}/g,
  /\b(?:gsk|xai|pplx|fw|hf|ghp|gho|ghs|github_pat|nvapi|csk|tgp|r8)[-_][\w*-]{16,}/g,
  /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g,
  /\bAIza[\w-]{30,}/g,
  // Keys a vendor has masked itself still show their ends: "not-a-r****key".
  /[\w.<-]*\*{3,}[\w.>-]*/g,
  // Whose account it is, is nobody's business outside.
  /\b(?:org|proj|user|acct)[-_][A-Za-z0-9]{6,}/g,
  /\b[0-9a-fA-F]{32,}\b/g,
]
const longToken = /[A-Za-z0-9+_-]{40,}={0,2}/g

/** A long run is a token and not a word or a model path when it mixes cases and digits. */
function hideToken(run: string): string {
  return /[a-z]/.test(run) && /[A-Z]/.test(run) && /\d/.test(run) ? '[redacted]' : run
}

/**
 * A provider's message as a caller may see it: one line, at most 500
 * characters, nothing that looks like a credential or an account. Empty when
 * the text is a web page or has nothing to say.
 */
export function cleanMessage(text: string): string {
  const head = text.slice(0, 4 * maxMessageCharacters).trim()
  if (/^<(?:!doctype|html|head|\?xml|body|center)/i.test(head)) return ''
  let line = head.replace(/[\s\p{Cc}]+/gu, ' ')
  for (const secret of secrets) line = line.replace(secret, '[redacted]')
  line = line.replace(longToken, hideToken).trim()
  return line.length <= maxMessageCharacters
    ? line
    : `${line.slice(0, maxMessageCharacters - 1).trimEnd()}…`
}

/** `cleanMessage`, with a plain sentence where nothing is left of the provider's own. */
export function messageOr(text: string | undefined, status: number): string {
  const cleaned = text === undefined ? '' : cleanMessage(text)
  return cleaned === '' ? `the provider answered ${status}` : cleaned
}

/** A 401's text may hold half of our key ("Incorrect API key provided: sk-1..9"): callers get this sentence instead. */
export const refusedCredential = "the provider refused the gateway's credential"

/** Milliseconds of `1m26.4s`, `12ms`, `33011.4` (seconds); undefined when it is none of these. */
export function durationMs(text: string): number | undefined {
  const trimmed = text.trim()
  if (/^\d+(?:\.\d+)?$/.test(trimmed)) return Math.ceil(Number(trimmed) * 1000)
  const unitMs: Readonly<Record<string, number>> = {
    d: 86_400_000,
    h: 3_600_000,
    m: 60_000,
    s: 1000,
    ms: 1,
    us: 0.001,
    µs: 0.001,
    ns: 0.000001,
  }
  if (!/^(?:\d+(?:\.\d+)?(?:d|h|ms|m|s|us|µs|ns))+$/.test(trimmed)) return undefined
  let totalMs = 0
  for (const [, amount, unit] of trimmed.matchAll(/(\d+(?:\.\d+)?)(d|h|ms|m|s|us|µs|ns)/g))
    totalMs += Number(amount) * (unitMs[unit ?? ''] ?? 0)
  return Math.ceil(totalMs)
}

const monthNames = 'JanFebMarAprMayJunJulAugSepOctNovDec'

/** Milliseconds since 1970 of an HTTP date (`Fri, 20 Nov 2026 17:47:14 GMT`); undefined for any other text. */
export function httpDateMs(text: string): number | undefined {
  const parts = /^\w{3}, (\d{2}) (\w{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/.exec(text.trim())
  if (parts === null) return undefined
  const month = monthNames.indexOf(parts[2] ?? '') / 3
  if (!Number.isInteger(month) || month < 0) return undefined
  // Days since 1970 of the proleptic Gregorian calendar, counting years from March so that the leap day comes last.
  const marchYear = Number(parts[3]) - (month < 2 ? 1 : 0)
  const dayOfYear = Math.floor((153 * ((month + 10) % 12) + 2) / 5) + Number(parts[1]) - 1
  const days =
    365 * marchYear +
    Math.floor(marchYear / 4) -
    Math.floor(marchYear / 100) +
    Math.floor(marchYear / 400) +
    dayOfYear -
    719_468
  return ((days * 24 + Number(parts[4])) * 60 + Number(parts[5])) * 60_000 + Number(parts[6]) * 1000
}

/**
 * How long the provider asks to be left alone, ms, from its headers (names in
 * lower case): `retry-after-ms`, then `retry-after`, then the reset of whatever
 * `x-ratelimit-remaining-*` says is used up. A date needs `nowMs`; an adapter
 * has no clock, so the engine asks again with one when this gives nothing.
 */
export function parseRetryAfterMs(
  headers: ReadonlyMap<string, string>,
  nowMs?: number,
): number | undefined {
  const exactMs = Number(headers.get('retry-after-ms') ?? Number.NaN)
  // Azure sends `retry-after-ms: 0` beside `retry-after: 1` (corpus azure-foundry/chat/err429-*).
  if (exactMs > 0 && Number.isFinite(exactMs)) return Math.ceil(exactMs)
  const retryAfter = headers.get('retry-after')
  if (retryAfter !== undefined) {
    const waitMs = durationMs(retryAfter)
    if (waitMs !== undefined) return waitMs
    const dateMs = httpDateMs(retryAfter)
    if (dateMs !== undefined && nowMs !== undefined) return Math.max(0, dateMs - nowMs)
  }
  return usedUpResetMs(headers, nowMs)
}

/** The latest reset among the limits that are used up: waiting for less would meet the other one. */
function usedUpResetMs(
  headers: ReadonlyMap<string, string>,
  nowMs: number | undefined,
): number | undefined {
  let latestMs: number | undefined
  for (const [name, value] of headers) {
    const limit = /^x-ratelimit-reset(-[\w-]+)?$/.exec(name)
    if (limit === null) continue
    const remaining = headers.get(`x-ratelimit-remaining${limit[1] ?? ''}`)
    if (remaining !== undefined && Number(remaining) > 0) continue
    const waitMs = resetMs(value, nowMs)
    if (waitMs !== undefined) latestMs = Math.max(latestMs ?? 0, waitMs)
  }
  return latestMs
}

/** A reset is a duration, or a moment as Unix seconds or milliseconds (OpenRouter), which needs a clock. */
function resetMs(value: string, nowMs: number | undefined): number | undefined {
  const asNumber = Number(value)
  if (!(asNumber > 1e9)) return durationMs(value)
  if (nowMs === undefined) return undefined
  return Math.max(0, (asNumber > 1e12 ? asNumber : asNumber * 1000) - nowMs)
}

/** The wait a message names: "Please try again in 1.574s" (OpenAI, Groq), "retry in 7m12s", "retry after 10 seconds" (Azure). */
export function retryAfterFromMessageMs(message: string): number | undefined {
  const named =
    /\b(?:try again|retry)\s+(?:in|after)\s+([\d.]+(?:[a-zµ]+[\d.]*)*)(?:\s+(seconds?|minutes?|milliseconds?))?/i.exec(
      message,
    )
  if (named === null) return undefined
  const amount = (named[1] ?? '').replace(/\.$/, '')
  const unit = named[2]?.toLowerCase() ?? ''
  return durationMs(
    unit.startsWith('milli') ? `${amount}ms` : unit.startsWith('minute') ? `${amount}m` : amount,
  )
}

/** `text` as JSON; undefined when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
