export interface JunkShieldSettings {
  /** Keys that no ledger knew, from one address, before its next ones are not asked about. */
  readonly mostRejections: number
  /** One of them is forgotten after so long, ms. */
  readonly forgetMs: number
  readonly maxAddresses: number
}

export const defaultJunkShieldSettings: JunkShieldSettings = {
  mostRejections: 20,
  forgetMs: 6000,
  maxAddresses: 4096,
}

interface Bucket {
  rejections: number
  atMs: number
}

/**
 * The check of a key is no secret: anybody can write keys that look right, and each would cost a call of the ledger
 * that it names. An address that brings too many of them has to wait; whoever has a key that is known here notices
 * nothing, and neither does any other address. One isolate's view: a rate limiter of the platform may stand in front.
 */
export class JunkShield {
  readonly #settings: JunkShieldSettings
  readonly #buckets = new Map<string, Bucket>()

  constructor(settings: JunkShieldSettings = defaultJunkShieldSettings) {
    this.#settings = settings
  }

  /** How long an unknown key from there is not asked about, ms; 0: it is. Null: nobody knows where it comes from. */
  waitMs(address: string | null, nowMs: number): number {
    if (address === null) return 0
    const bucket = this.#faded(networkOf(address), nowMs)
    const over = (bucket?.rejections ?? 0) - this.#settings.mostRejections + 1
    return over <= 0 ? 0 : Math.ceil(over * this.#settings.forgetMs)
  }

  rejected(address: string | null, nowMs: number): void {
    if (address === null) return
    const network = networkOf(address)
    const bucket = this.#faded(network, nowMs) ?? { rejections: 0, atMs: nowMs }
    bucket.rejections = Math.min(bucket.rejections + 1, this.#settings.mostRejections)
    this.#buckets.delete(network)
    this.#buckets.set(network, bucket)
    if (this.#buckets.size <= this.#settings.maxAddresses) return
    for (const oldest of this.#buckets.keys()) {
      this.#buckets.delete(oldest)
      return
    }
  }

  get size(): number {
    return this.#buckets.size
  }

  /** A clock that has gone back forgets nothing. */
  #faded(network: string, nowMs: number): Bucket | undefined {
    const bucket = this.#buckets.get(network)
    if (bucket === undefined) return undefined
    const past = Math.max(0, nowMs - bucket.atMs) / this.#settings.forgetMs
    bucket.rejections = Math.max(0, bucket.rejections - past)
    bucket.atMs = nowMs
    if (bucket.rejections > 0) return bucket
    this.#buckets.delete(network)
    return undefined
  }
}

/** Whoever has one IPv6 address has the 2^64 beside it: the first four groups are one network. */
function networkOf(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  const missing = tail === undefined ? 0 : 8 - groups.length - tail.split(':').length
  return [...groups, ...Array<string>(Math.max(0, missing)).fill('0')].slice(0, 4).join(':')
}

/** Name of the binding of a rate limiter (`[[ratelimits]]` of wrangler.toml), by address. */
const limiterName = 'KEY_SHIELD'

interface RateLimiter {
  limit(options: { readonly key: string }): Promise<{ readonly success: boolean }>
}

/** Where a request comes from; null: nobody says so. */
export function addressOf({ headers }: Request): string | null {
  // Set by Cloudflare, whatever the client sends (developers.cloudflare.com/fundamentals/reference/http-headers).
  return headers.get('cf-connecting-ip')
}

/** Asks the limiter that the deployment has put in front of unknown keys, if it has. */
export async function isWithinLimit(
  bindings: Readonly<Record<string, unknown>>,
  address: string,
): Promise<boolean> {
  const limiter = bindings[limiterName] as RateLimiter | undefined
  if (limiter === undefined) return true
  try {
    return (await limiter.limit({ key: networkOf(address) })).success
  } catch {
    // It is a shield and no lock: without it every key is asked about.
    return true
  }
}
