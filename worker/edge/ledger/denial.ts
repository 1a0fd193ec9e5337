import type { Denied } from '../../../durable-objects/tenant-ledger/protocol.ts'
import { gatewayError, invalidRequest } from '../../canonical/errors.ts'
import type { Admission } from '../../engine/money-port.ts'
import type { Refused } from './worst-case.ts'

type Refusal = Extract<Admission, { kind: 'refused' }>

/** When a ledger that did not answer may be asked again, ms. */
const awayRetryMs = 2000

/** What a caller is told whose attempt the ledger denied. */
export function refusalOf(denied: Denied): Refusal {
  const { reason, retryAfterMs, by } = denied
  const more = retryAfterMs === null ? {} : { retryAfterMs: Math.max(1, retryAfterMs) }
  const whose = by === null ? 'a budget' : `the budget "${by}"`
  switch (reason) {
    case 'budget_exceeded':
      return refuse(false, gatewayError('budget_exceeded', 402, `${whose} is spent`, more))
    case 'budget_reserved':
      return refuse(
        false,
        gatewayError('budget_exceeded', 402, `what is left of ${whose} is held by calls that run`, {
          retryAfterMs: Math.max(1, retryAfterMs ?? awayRetryMs),
        }),
      )
    case 'budget_blocked':
      return refuse(true, gatewayError('budget_exceeded', 402, `${whose} is blocked`, more))
    case 'rate_limited':
      return limitedOf(denied)
    case 'revoked':
      return refuse(true, gatewayError('key_revoked', 401, 'this key has been revoked'))
    case 'frozen':
      return refuse(true, gatewayError('budget_exceeded', 402, 'spending is frozen'))
    case 'restoring':
    case 'use_holds':
    case 'voided':
      return away(retryAfterMs ?? awayRetryMs)
    case 'malformed':
      throw new Error('the ledger did not understand what it was asked')
  }
}

function limitedOf({ retryAfterMs, by, limits }: Denied): Refusal {
  const limit = `the limit "${by ?? ''}"`
  if (retryAfterMs !== null)
    return refuse(
      true,
      gatewayError('rate_limited', 429, `${limit} is reached`, {
        retryAfterMs: Math.max(1, retryAfterMs),
      }),
    )
  // No wait helps. Whoever asks again all the same does so when nothing else counts against the limit any more.
  const resetMs = limits.find(({ limitId }) => limitId === by)?.resetMs ?? 0
  return refuse(
    true,
    gatewayError('rate_limited', 429, `${limit} is smaller than this request alone`, {
      retryAfterMs: Math.max(awayRetryMs, resetMs),
    }),
  )
}

/** The ledger could not be asked, and a budget of the request must not be overspent. */
export function away(retryAfterMs: number = awayRetryMs): Refusal {
  const message = 'the ledger of this tenant cannot be reached, and nothing is spent without it'
  return refuse(
    true,
    gatewayError('ledger_unavailable', 503, message, { retryAfterMs: Math.max(1, retryAfterMs) }),
  )
}

/** What a call would cost has no bound that could be set aside. */
export function unboundedOf({ reason, param }: Refused, target: string): Refusal {
  if (reason === 'unpriced')
    return refuse(
      false,
      gatewayError(
        'unpriced_model',
        402,
        `"${target}" has no price: nobody could say what it costs`,
      ),
    )
  const what = param ?? 'the request'
  return refuse(
    false,
    invalidRequest(
      `${what}: nobody can say what this costs at most at "${target}", and a hard budget is kept (${reason})`,
      what,
    ),
  )
}

function refuse(isFinal: boolean, error: Refusal['error']): Refusal {
  return { kind: 'refused', error, isFinal }
}
