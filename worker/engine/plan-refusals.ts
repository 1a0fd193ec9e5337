import {
  gatewayError,
  invalidRequest,
  type ErrorCode,
  type GatewayError,
} from '../canonical/errors.ts'
import type { Plan } from '../policy/plan.ts'
import type { RefusalStatus } from '../policy/rule.ts'
import type { Ruling } from '../policy/rules.ts'

/** What a caller is told when no target of a plan is left. */
export function noTarget(
  model: string,
  { exclusions, facts }: Extract<Plan, { kind: 'none' }>,
): GatewayError {
  const reasons = exclusions.map(({ target, reason }) => `${target}: ${reason}`).join('; ')
  const message = `no target of "${clip(model)}" can answer this request (${reasons})`
  // A target that could answer elsewhere never does: the region is the reason, whatever else there is.
  if (exclusions.some(({ region }) => region === true))
    return gatewayError('region_unavailable', 451, message, { param: 'model' })
  if (exclusions.every(({ unavailable }) => unavailable === true))
    return gatewayError('no_healthy_target', 503, message)
  if (exclusions.some(({ constraint }) => constraint === true))
    return gatewayError('route_forbidden', 403, message, { param: 'model' })
  const param = [...facts.needs, ...facts.preferred, ...facts.wishes].find(({ param }) =>
    reasons.includes(`"${param}"`),
  )?.param
  return invalidRequest(message, param ?? facts.wires.find(({ hard }) => hard)?.param ?? 'provider')
}

const codes: Readonly<Record<RefusalStatus, ErrorCode>> = {
  400: 'invalid_request',
  403: 'route_forbidden',
  429: 'rate_limited',
  451: 'region_unavailable',
  503: 'no_healthy_target',
}

/** What a rule tells the caller, in the operator's words. */
export function refusedByRule({ status, message }: NonNullable<Ruling['refusal']>): GatewayError {
  return gatewayError(codes[status], status, message)
}

export function clip(name: string): string {
  return name.length > 200 ? `${name.slice(0, 197)}...` : name
}
