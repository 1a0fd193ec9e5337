import type { ProviderPreferences } from '../canonical/request.ts'
import { isNamed } from '../policy/provider-names.ts'

/** What stands for a name that no provider here has. No provider can be called so. */
const stranger = '?'

/**
 * The caller's wishes as a record may hold them: a name that is no provider of this configuration is the caller's own
 * word, and may be any text. It chose nothing, and chooses nothing in a replay: what stands for it keeps its place.
 */
export function recordedPreferences(
  preferences: ProviderPreferences,
  providers: readonly string[],
): ProviderPreferences {
  const { order, only, ignore } = preferences
  if (order === undefined && only === undefined && ignore === undefined) return preferences
  const known = (names: readonly string[]) =>
    names.map((name) => (providers.some((one) => isNamed(one, [name])) ? name : stranger))
  return {
    ...preferences,
    ...(order === undefined ? {} : { order: known(order) }),
    ...(only === undefined ? {} : { only: known(only) }),
    ...(ignore === undefined ? {} : { ignore: known(ignore) }),
  }
}
