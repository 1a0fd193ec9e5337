import * as z from 'zod/mini'
import { described, toolText } from '../described.ts'
import { regions } from './place.ts'
import type { StandbySettings } from './standby.ts'

/** Money as an operator writes it: a decimal string in USD, exact to the nano-USD. */
const usd = z
  .string()
  .check(
    z.regex(
      /^\d{1,6}(\.\d{1,9})?$/,
      'USD as a decimal string, such as "0.50", at most nine decimals',
    ),
  )

/** `standby` of a target in `routes.json`. */
export const standbySchema = z.strictObject({
  intervalMs: described(
    z._default(z.int().check(z.minimum(10_000), z.maximum(86_400_000)), 60_000),
    toolText(
      'How often the target is asked while it has no traffic of its own to show that it works, ms.',
    ),
  ),
  maxUsdPerDay: described(
    z._default(usd, '0.50'),
    toolText('What the probes may cost a UTC day, all regions together.'),
  ),
})

/** `alerts` at the top of `routes.json`. */
export const alertsSchema = z.strictObject({
  url: described(
    z.string().check(z.maxLength(2048), z.regex(/^https?:\/\/\S+$/, 'an https address')),
    toolText('Where alerts are posted: https, or http on loopback when the local switch is set.'),
  ),
  secret: described(
    z
      .string()
      .check(z.regex(/^[A-Z][A-Z0-9_]*$/, 'the name of a secret: upper-case letters, digits, "_"')),
    toolText('Name of the secret that alerts are signed with.'),
  ),
})

export type StandbyConfig = z.infer<typeof standbySchema>
export type AlertsConfig = z.infer<typeof alertsSchema>

/** What one object may do: the regions of a target share its cap, because each has an object of its own. */
export function standbySettings({ intervalMs, maxUsdPerDay }: StandbyConfig): StandbySettings {
  return {
    intervalMs,
    maxNanoUsdPerDay: Math.floor(nanoUsdOf(maxUsdPerDay) / regions.length),
  }
}

/** Exact, because a decimal fraction has no exact number of its own. */
export function nanoUsdOf(decimal: string): number {
  const [whole = '0', fraction = ''] = decimal.split('.')
  return Number(`${whole}${fraction.padEnd(9, '0')}`)
}
