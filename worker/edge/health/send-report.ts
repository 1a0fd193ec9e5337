import type { HealthReport } from '../../../durable-objects/provider-health/protocol.ts'
import {
  homeRegionOf,
  regionOf,
  type ClientPlace,
  type Jurisdiction,
  type ObjectNamespace,
} from '../../../durable-objects/provider-health/place.ts'
import { providerHealthStub } from '../../../durable-objects/provider-health/stub.ts'
import type { SendReport } from './edge-health.ts'

/** Name of the binding; a deployment without it goes by what each isolate sees itself. */
const bindingName = 'PROVIDER_HEALTH'

/** The way to the objects near the caller of `request`, or inside a jurisdiction; null where none are bound. */
export function sendReportFor(
  request: Request,
  bindings: Readonly<Record<string, unknown>>,
  jurisdiction: Jurisdiction | null,
): SendReport {
  const namespace = bindings[bindingName] as ObjectNamespace | undefined
  if (namespace === undefined) return null
  return (provider: string, report: HealthReport) => {
    const { cf } = request as { readonly cf?: ClientPlace }
    const region = jurisdiction === null ? regionOf(cf) : homeRegionOf(jurisdiction)
    const place = { provider, region, jurisdiction }
    return providerHealthStub(namespace, place, {
      local: bindings['SWITCHYARD_LOCAL'] === '1',
    }).report(report)
  }
}
