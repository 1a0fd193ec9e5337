import type { HealthReport } from '../../../durable-objects/provider-health/protocol.ts'
import {
  regionOf,
  type ClientPlace,
  type ObjectNamespace,
} from '../../../durable-objects/provider-health/place.ts'
import { providerHealthStub } from '../../../durable-objects/provider-health/stub.ts'
import type { SendReport } from './edge-health.ts'

/** Name of the binding; a deployment without it goes by what each isolate sees itself. */
const bindingName = 'PROVIDER_HEALTH'

/** The way to the objects near the caller of `request`; null where none are bound. */
export function sendReportFor(
  request: Request,
  bindings: Readonly<Record<string, unknown>>,
): SendReport {
  const namespace = bindings[bindingName] as ObjectNamespace | undefined
  if (namespace === undefined) return null
  return (provider: string, report: HealthReport) => {
    const { cf } = request as { readonly cf?: ClientPlace }
    const place = { provider, region: regionOf(cf), jurisdiction: null }
    return providerHealthStub(namespace, place, {
      local: bindings['SWITCHYARD_LOCAL'] === '1',
    }).report(report)
  }
}
