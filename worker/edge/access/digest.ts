import type { Proof } from '../../../durable-objects/tenant-ledger/access/rows.ts'
import { ConfigurationError } from '../config.ts'

export { sameDigest } from '../../../durable-objects/tenant-ledger/access/same-digest.ts'

/** HMAC-SHA-256 of a text under a secret, lower-case hex. */
export type Hmac = (secret: string, text: string) => Promise<string>

/** Peppers by version. New keys are under `current`; the others are only for keys not used since. */
export interface PepperSet {
  readonly current: string
  readonly peppers: Readonly<Record<string, string>>
}

const shortestPepper = 32
const mostPeppers = 4
const versionForm = /^[0-9A-Za-z_-]{1,16}$/

/**
 * Reads a pepper secret: `{"current":"2","peppers":{"1":"...","2":"..."}}`, or the pepper alone, which is version 1.
 * Throws with the rule that is broken, never with a value.
 */
export function readPeppers(text: string, secretName: string): PepperSet {
  const set = text.startsWith('{') ? parsed(text) : { current: '1', peppers: { 1: text } }
  if (set === null)
    throw new ConfigurationError(`${secretName} must be a pepper, or JSON {"current","peppers"}`)
  const versions = Object.entries(set.peppers)
  if (!Object.hasOwn(set.peppers, set.current))
    throw new ConfigurationError(`${secretName} has no pepper of its current version`)
  if (versions.length > mostPeppers)
    throw new ConfigurationError(`${secretName} has more than ${mostPeppers} peppers`)
  for (const [version, pepper] of versions) {
    if (!versionForm.test(version))
      throw new ConfigurationError(`${secretName}: a version is 1 to 16 letters and digits`)
    if (pepper.length < shortestPepper)
      throw new ConfigurationError(
        `${secretName}: a pepper must have at least ${shortestPepper} characters`,
      )
  }
  return set
}

function parsed(text: string): PepperSet | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  const { current, peppers } = (value ?? {}) as Readonly<Record<string, unknown>>
  if (typeof current !== 'string' || typeof peppers !== 'object' || peppers === null) return null
  const entries = Object.entries(peppers)
  if (!entries.every((entry): entry is [string, string] => typeof entry[1] === 'string'))
    return null
  return { current, peppers: Object.fromEntries(entries) }
}

/** What proves a key under every pepper that is known, the current one first: its digest is the key of caches. */
export async function proofsOf(
  key: string,
  { current, peppers }: PepperSet,
  hmac: Hmac,
): Promise<readonly [Proof, ...Proof[]]> {
  const prove = async (version: string): Promise<Proof> => ({
    pepperVersion: version,
    digest: await hmac(peppers[version] ?? '', key),
  })
  const others = Object.keys(peppers).filter((version) => version !== current)
  const [first, ...rest] = await Promise.all([prove(current), ...others.map(prove)])
  return [first, ...rest]
}

/** The parts are told apart by their lengths: no two lists of parts are the same text. */
export function joined(parts: readonly string[]): string {
  return parts.map((part) => `${part.length}:${part}`).join('')
}

/** What an idempotency key is stored as: nobody else's key, and no other tenant's, comes to the same. */
export function idempotencyId(
  { tenantId, keyId }: { readonly tenantId: string; readonly keyId: string },
  idempotencyKey: string,
  pepper: string,
  hmac: Hmac,
): Promise<string> {
  return hmac(pepper, joined(['idempotency', tenantId, keyId, idempotencyKey]))
}

/** What tells one request from another: where it goes and every byte of its body. */
export function requestDigest(
  path: string,
  body: string,
  pepper: string,
  hmac: Hmac,
): Promise<string> {
  return hmac(pepper, joined(['request', path, body]))
}
