import type { FailureClass } from '../../canonical/failure.ts'
import { saysContextLength } from '../failures.ts'

/** What a provider's error object says, gathered from wherever the vendor puts it. */
export interface ProviderError {
  readonly message: string
  readonly code?: string
  readonly type?: string
  readonly innerCode?: string
  readonly param?: string
  readonly status?: number
}

export interface ErrorVerdict {
  readonly class: FailureClass
  readonly targetFault?: boolean
  readonly ramp?: boolean
}

/**
 * Codes (and types) that say more than the status, lower case. OpenAI's are from
 * platform.openai.com/docs/guides/error-codes; the others from the vendor named.
 * Read 2026-11-20. Unspecific ones (`invalid_request_error`) are left out on purpose.
 */
const byCode: Readonly<Record<string, ErrorVerdict>> = {
  rate_limit_exceeded: { class: 'rate_limited' },
  rate_limit_error: { class: 'rate_limited' },
  rate_limit_reached_error: { class: 'rate_limited' }, // Moonshot
  ratelimitreached: { class: 'rate_limited' }, // Azure
  too_many_requests: { class: 'rate_limited' },
  too_many_requests_error: { class: 'rate_limited' }, // Cerebras
  throttling: { class: 'rate_limited' }, // Alibaba
  'throttling.ratequota': { class: 'rate_limited' },
  limit_requests: { class: 'rate_limited' },
  slow_down: { class: 'rate_limited', ramp: true },

  insufficient_quota: { class: 'quota_exhausted' },
  credit_balance_exhausted: { class: 'quota_exhausted' },
  organization_spend_limit_exceeded: { class: 'quota_exhausted' },
  project_spend_limit_exceeded: { class: 'quota_exhausted' },
  organization_usage_limit_exceeded: { class: 'quota_exhausted' },
  billing_hard_limit_reached: { class: 'quota_exhausted' },
  billing_not_active: { class: 'quota_exhausted' },
  exceeded_current_quota_error: { class: 'quota_exhausted' }, // Moonshot
  insufficient_balance: { class: 'quota_exhausted' },
  insufficient_credits: { class: 'quota_exhausted' },
  enforced_spend_limit_reached: { class: 'quota_exhausted' }, // Anthropic, through gateways
  arrearage: { class: 'quota_exhausted' }, // Alibaba

  server_is_overloaded: { class: 'overloaded' },
  overloaded_error: { class: 'overloaded' },
  engine_overloaded: { class: 'overloaded' },
  engine_overloaded_error: { class: 'overloaded' }, // Moonshot
  service_unavailable: { class: 'overloaded' },
  queue_exceeded: { class: 'overloaded' }, // Cerebras: high traffic, status 429
  capacity_exceeded: { class: 'overloaded' }, // Groq flex, status 498
  model_overloaded: { class: 'overloaded' },

  context_length_exceeded: { class: 'context_length' },
  context_window_exceeded: { class: 'context_length' },
  exceed_context_size_error: { class: 'context_length' }, // llama.cpp
  tokens_limit_reached: { class: 'context_length' }, // GitHub Models, status 413
  model_max_prompt_tokens_exceeded: { class: 'context_length' },

  content_filter: { class: 'content_policy' }, // Azure
  content_policy_violation: { class: 'content_policy' },
  responsibleaipolicyviolation: { class: 'content_policy' }, // Azure, inner code
  moderation_blocked: { class: 'content_policy' },
  data_inspection_failed: { class: 'content_policy' }, // Alibaba
  invalid_prompt: { class: 'content_policy' },

  invalid_api_key: { class: 'auth' },
  authentication_error: { class: 'auth' },
  invalid_authentication_error: { class: 'auth' },
  incorrect_api_key_error: { class: 'auth' },
  permission_error: { class: 'auth' },
  permissiondenied: { class: 'auth' },
  account_deactivated: { class: 'auth' },
  unsupported_country_region_territory: { class: 'auth' },

  model_not_found: { class: 'bad_request', targetFault: true },
  deploymentnotfound: { class: 'bad_request', targetFault: true }, // Azure
  model_decommissioned: { class: 'bad_request', targetFault: true }, // Groq
  model_not_active: { class: 'bad_request', targetFault: true },
  model_not_available: { class: 'bad_request', targetFault: true },
  model_terms_required: { class: 'bad_request', targetFault: true }, // Groq
  unknown_model: { class: 'bad_request', targetFault: true }, // GitHub Models
  resource_not_found_error: { class: 'bad_request', targetFault: true }, // Moonshot

  server_error: { class: 'server_error' },
  internal_server_error: { class: 'server_error' },
  api_error: { class: 'server_error' },
  timeout: { class: 'timeout' },
}

/** Groq and OpenAI name the exhausted limit as the type. They count only when nothing else spoke. */
const limitTypes: ReadonlySet<string> = new Set(['tokens', 'requests', 'input-tokens'])

/** What the codes say, the vendor's own table first; undefined when they say nothing. */
export function verdictOfCodes(
  error: ProviderError,
  own: Readonly<Record<string, FailureClass>>,
): ErrorVerdict | undefined {
  for (const word of [error.code, error.innerCode, error.type]) {
    if (word === undefined) continue
    if (Object.hasOwn(own, word)) {
      const ownClass = own[word]
      if (ownClass !== undefined) return { class: ownClass }
    }
    const key = word.toLowerCase()
    if (key === 'string_above_max_length') return verdictOfLongString(error)
    if (Object.hasOwn(byCode, key)) return byCode[key]
  }
  if (error.type !== undefined && limitTypes.has(error.type)) return { class: 'rate_limited' }
  return undefined
}

/**
 * Every string of a request has a limit: only where the content is too long does
 * a larger window help. A tool's name, an id or `user` is the caller's own.
 */
function verdictOfLongString({ param, message }: ProviderError): ErrorVerdict {
  const field = param ?? /^Invalid '([^']+)'/.exec(message)?.[1]
  const isContent = field === undefined || contentFields.test(field)
  return { class: isContent ? 'context_length' : 'bad_request' }
}

const contentFields = /^(?:(?:messages|input)(?:\.?\[\d+\](?:\.content\b.*)?)?|prompt)$/

const contentPhrases =
  /content (?:management )?policy|usage (?:policy|policies|guidelines)|content.{0,20}(?:filter|moderation|safety)|flagged|inappropriate content|sensitive (?:content|information)/i
const quotaPhrases =
  /insufficient (?:account )?(?:balance|credits?|funds|quota)|exceeded your (?:current|monthly) (?:quota|included credits)|more credits|spend(?:ing)? limit|out of credits|credit balance is too low|billing/i
const authPhrases =
  /(?:incorrect|invalid|missing|expired) (?:api[ _]?key|authentication|credentials?|token\b)|api key (?:not found|is invalid|not valid)/i

/** What the message says where codes are silent; statuses narrow it, because messages may quote the caller. */
export function verdictOfMessage(message: string, status: number): ErrorVerdict | undefined {
  if ([402, 403, 429].includes(status) && quotaPhrases.test(message))
    return { class: 'quota_exhausted' }
  if ([400, 413, 422].includes(status) && saysContextLength(message))
    return { class: 'context_length' }
  if ([400, 401, 403].includes(status) && authPhrases.test(message)) return { class: 'auth' }
  if ([400, 403, 422, 451].includes(status) && contentPhrases.test(message))
    return { class: 'content_policy' }
  return undefined
}
