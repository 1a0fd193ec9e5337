import type {
  HealthComposition,
  ObjectSettings,
  Prober,
  Variables,
} from '../../../durable-objects/provider-health/composition.ts'
import { defaultHealthSettings } from '../../../durable-objects/provider-health/settings.ts'
import { standbySettings } from '../../../durable-objects/provider-health/standby-schema.ts'
import { providerOfTarget } from '../config.ts'
import type { Isolate } from '../isolate.ts'
import { logHealth } from '../log.ts'

/** What one object may spend a day on probes of targets that are open and have no traffic: five cents. */
const syntheticMaxNanoUsdPerDay = 50_000_000

/** What this Worker gives its objects of provider health: the same configuration that its requests go by. */
export function healthComposition(
  isolateOf: (variables: Variables) => Isolate,
  prober: Prober,
): HealthComposition {
  return {
    settingsOf: (env, provider) => settingsOf(isolateOf(env), env, provider),
    prober,
    log: logHealth,
  }
}

function settingsOf({ runtime }: Isolate, env: Variables, provider: string): ObjectSettings {
  const { alerts, targets } = runtime.config
  const own = Object.entries(targets).filter(([name]) => providerOfTarget(name) === provider)
  const callable = own.filter(([name]) => runtime.targets.get(name)?.provider.missing.length === 0)
  const standby = callable.flatMap(([name, target]) =>
    target.standby === undefined ? [] : [[name, standbySettings(target.standby)] as const],
  )
  const [first] = own
  const secret = alerts === undefined ? undefined : env[alerts.secret]
  return {
    health: defaultHealthSettings,
    standby: new Map(standby),
    syntheticMaxNanoUsdPerDay,
    credential:
      first === undefined ? null : (runtime.targets.get(first[0])?.provider.credentialId ?? null),
    alerts: alerts === undefined || typeof secret !== 'string' ? null : { url: alerts.url, secret },
  }
}
