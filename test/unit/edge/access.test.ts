import { describe, expect, it } from 'vitest'
import {
  Access,
  type Identified,
  type OpenAsk,
  type Opened,
} from '../../../worker/edge/access/access.ts'
import { nameSpaceOf } from '../../../worker/edge/access/name-space.ts'
import { mintKey } from '../../../worker/edge/access/key-format.ts'
import { digestKey, KeyRing } from '../../../worker/edge/keys.ts'
import { fakeRuntime } from '../../support/fake-host.ts'
import { profile } from '../access/support.ts'

const pepper = 'p'.repeat(32)
const own = mintKey('demo', 'Own00001', new Uint8Array(32).fill(1))
const theirs = mintKey('acme', 'Key00001', new Uint8Array(32).fill(2))

/** An isolate's doors with ledgers that a test answers for. */
class Doors {
  nowMs = 1_000_000
  readonly asked: { tenant: string; ask: OpenAsk }[] = []
  readonly behind: Promise<unknown>[] = []
  answer: (tenant: string) => Promise<Opened> = (tenant) =>
    Promise.resolve({
      kind: 'verified',
      profile: profile({ tenantId: tenant }),
      killVersion: this.killVersion,
    })
  /** Of every ledger, and what the isolate has heard of it in exchanges. */
  killVersion = 3
  heardVersion = -1
  /** Of the client, and what the platform's limiter says of it. */
  address: string | null = '192.0.2.1'
  isWithinLimit: (address: string) => boolean = () => true
  /** `routes.json` names the tenant. */
  isDeclared = true
  /** Calls that a request waited for. */
  awaited = 0
  readonly access: Access

  constructor(hasLedger = true) {
    const stored = { tenant: 'demo', id: 'Own00001', digest: digestKey(own, pepper) }
    const peppers = { current: '1', peppers: { 1: pepper } }
    const hmac = (secret: string, text: string) => Promise.resolve(digestKey(text, secret))
    this.access = new Access(new KeyRing([stored], pepper), peppers, hmac, hasLedger)
  }

  identify(key: string | null): Identified | Promise<Identified> {
    return this.access.identify(key, {
      nowMs: () => this.nowMs,
      waitUntil: (work) => void this.behind.push(work),
      killVersionOf: () => this.heardVersion,
      isDeclared: () => this.isDeclared,
      addressOf: () => this.address,
      isWithinLimit: async (address) => this.isWithinLimit(address),
      open: (tenant, ask, isAwaited) => {
        this.asked.push({ tenant, ask })
        if (isAwaited) this.awaited += 1
        return this.answer(tenant)
      },
    })
  }

  async code(key: string | null): Promise<string> {
    const found = await this.identify(key)
    return found.kind === 'known'
      ? `${found.caller.tenant}/${found.caller.keyId}`
      : found.error.code
  }
}

describe('a key of a tenant', () => {
  it('is asked for at the ledger of the tenant that it names, with proofs and never as text', async () => {
    const doors = new Doors()
    expect(await doors.code(theirs)).toBe('acme/Key00001')
    expect(doors.asked).toEqual([
      {
        tenant: 'acme',
        ask: {
          keyId: 'Key00001',
          proofs: [{ pepperVersion: '1', digest: digestKey(theirs, pepper) }],
        },
      },
    ])
    expect(JSON.stringify(doors.asked)).not.toContain(theirs)
  })

  it('is believed at once for 30 s, and asked for again after', async () => {
    const doors = new Doors()
    await doors.code(theirs)
    doors.nowMs += 29_999
    expect(doors.identify(theirs)).not.toBeInstanceOf(Promise)
    doors.nowMs += 1
    expect(doors.identify(theirs)).toBeInstanceOf(Promise)
  })

  it('is asked for behind a request when what is known of it is older than 15 s, once', async () => {
    const doors = new Doors()
    await doors.code(theirs)
    doors.nowMs += 15_001
    for (let times = 0; times < 2; times += 1)
      expect(doors.identify(theirs)).not.toBeInstanceOf(Promise)
    await Promise.all(doors.behind)
    expect([doors.asked.length, doors.awaited]).toEqual([2, 1])
    // Steady traffic never waits: it is believed for half a minute from then.
    doors.nowMs += 15_000
    expect(doors.identify(theirs)).not.toBeInstanceOf(Promise)
  })

  it('is refused as the ledger says, and the refusal is remembered', async () => {
    const doors = new Doors()
    doors.answer = () => Promise.resolve({ kind: 'rejected', reason: 'revoked' })
    expect(await doors.code(theirs)).toBe('key_revoked')
    expect(await doors.code(theirs)).toBe('key_revoked')
    expect(doors.asked).toHaveLength(1)
  })

  it('is 503 while the ledger is away, and not remembered as refused', async () => {
    const doors = new Doors()
    const { answer } = doors
    doors.answer = () => Promise.reject(new Error('away'))
    expect(await doors.code(theirs)).toBe('ledger_unavailable')
    doors.answer = answer
    expect(await doors.code(theirs)).toBe('acme/Key00001')
  })

  it('is asked for again at once when its tenant has revoked somebody', async () => {
    const doors = new Doors()
    await doors.code(theirs)
    doors.access.forgetTenant('acme')
    expect(doors.identify(theirs)).toBeInstanceOf(Promise)
  })

  it('is asked for again as soon as an exchange has told of a revocation that it does not know', async () => {
    const doors = new Doors()
    await doors.code(theirs)
    await doors.code(own)
    doors.heardVersion = 3
    expect(doors.identify(theirs)).not.toBeInstanceOf(Promise)
    doors.heardVersion = 4
    doors.killVersion = 4
    expect(doors.identify(theirs)).toBeInstanceOf(Promise)
    expect(doors.identify(own)).toBeInstanceOf(Promise)
    await Promise.resolve()
    expect(await doors.code(theirs)).toBe('acme/Key00001')
    expect(doors.identify(theirs)).not.toBeInstanceOf(Promise)
  })

  it('costs no call when it is junk, and opens nothing where there is no ledger', async () => {
    const doors = new Doors()
    for (const junk of [`${theirs.slice(0, -1)}x`, 'sk-sy-', '', theirs.repeat(3), 'sk-sy-ä'])
      expect(await doors.code(junk)).toBe('unauthorized')
    expect(await doors.code(null)).toBe('unauthorized')
    expect(doors.asked).toEqual([])
    expect(await new Doors(false).code(theirs)).toBe('unauthorized')
  })
})

describe('keys that nobody knows', () => {
  let made = 0
  const madeUp = () => {
    made += 1
    const random = new Uint8Array(32)
    new DataView(random.buffer).setUint32(0, made)
    return mintKey('acme', 'Junk0001', random)
  }
  const strange = (reason: 'unknown' | 'wrong_secret' | 'revoked' = 'wrong_secret') => {
    const doors = new Doors()
    doors.answer = () => Promise.resolve({ kind: 'rejected', reason })
    return doors
  }

  it('cost an address twenty calls, and then one in six seconds', async () => {
    const doors = strange()
    const codes: string[] = []
    for (let times = 0; times < 30; times += 1) codes.push(await doors.code(madeUp()))
    expect(codes.filter((code) => code === 'unauthorized')).toHaveLength(20)
    expect(codes.filter((code) => code === 'rate_limited')).toHaveLength(10)
    expect(doors.asked).toHaveLength(20)
    const found = await doors.identify(madeUp())
    expect(found).toMatchObject({ kind: 'refused', error: { status: 429, retryAfterMs: 6000 } })
    doors.nowMs += 5999
    expect(await doors.code(madeUp())).toBe('rate_limited')
    doors.nowMs += 1
    expect(await doors.code(madeUp())).toBe('unauthorized')
    expect(await doors.code(madeUp())).toBe('rate_limited')
  })

  it('stop nobody else: not another address, nor a key that is known here', async () => {
    const doors = strange()
    doors.answer = async () => ({
      kind: 'verified',
      profile: profile({ tenantId: 'acme' }),
      killVersion: 3,
    })
    await doors.code(theirs)
    doors.answer = () => Promise.resolve({ kind: 'rejected', reason: 'unknown' })
    for (let times = 0; times < 30; times += 1) await doors.code(madeUp())
    expect(await doors.code(madeUp())).toBe('rate_limited')
    expect(await doors.code(theirs)).toBe('acme/Key00001')
    expect(await doors.code(own)).not.toBe('rate_limited')
    doors.address = '192.0.2.2'
    expect(await doors.code(madeUp())).toBe('unauthorized')
  })

  it('count for the network of an IPv6 address, which one client has', async () => {
    const doors = strange()
    for (let times = 0; times < 20; times += 1) {
      doors.address = `2001:db8::${times.toString(16)}`
      await doors.code(madeUp())
    }
    doors.address = '2001:db8:0:0:ffff::1'
    expect(await doors.code(madeUp())).toBe('rate_limited')
    doors.address = '2001:db8:0:1::1'
    expect(await doors.code(madeUp())).toBe('unauthorized')
  })

  it('are not those of somebody who has the secret, nor of an address that nobody knows', async () => {
    const ended = strange('revoked')
    for (let times = 0; times < 30; times += 1)
      expect(await ended.code(madeUp())).toBe('key_revoked')
    const doors = strange()
    doors.address = null
    for (let times = 0; times < 30; times += 1) await doors.code(madeUp())
    expect(doors.asked).toHaveLength(30)
  })

  it('are not asked about where the limiter of the platform says no', async () => {
    const doors = new Doors()
    const asked: string[] = []
    doors.isWithinLimit = (address) => {
      asked.push(address)
      return false
    }
    expect(await doors.code(theirs)).toBe('rate_limited')
    expect(await doors.code(own)).toBe('demo/Own00001')
    expect([asked, doors.asked.length]).toEqual([['192.0.2.1'], 1])
  })
})

describe('a key of the deployment', () => {
  it('is proven here, and its ledger says what it may do', async () => {
    const doors = new Doors()
    expect(await doors.code(own)).toBe('demo/Own00001')
    expect(doors.asked).toEqual([{ tenant: 'demo', ask: { keyId: 'Own00001', isProven: true } }])
  })

  it('never waits again: what is older than 15 s is asked for behind a request, once', async () => {
    const doors = new Doors()
    await doors.code(own)
    doors.nowMs += 15_001
    expect(doors.identify(own)).not.toBeInstanceOf(Promise)
    expect(doors.identify(own)).not.toBeInstanceOf(Promise)
    expect([doors.asked.length, doors.behind.length]).toEqual([2, 1])
    await Promise.all(doors.behind)
    doors.identify(own)
    expect(doors.asked).toHaveLength(2)
  })

  it('is let in while the ledger is away: what it may spend is for admission to say', async () => {
    const doors = new Doors()
    doors.answer = () => Promise.reject(new Error('away'))
    expect(await doors.code(own)).toBe('demo/Own00001')
  })

  it('is not let in then for a tenant that only the ledger knows: it may be pinned', async () => {
    const doors = new Doors()
    doors.isDeclared = false
    doors.answer = () => Promise.reject(new Error('away'))
    expect(await doors.code(own)).toBe('ledger_unavailable')
  })

  it('has no profile where there is no ledger, and nobody is asked', () => {
    const doors = new Doors(false)
    expect(doors.identify(own)).toEqual({
      kind: 'known',
      caller: { tenant: 'demo', keyId: 'Own00001', profile: null },
    })
    expect(doors.asked).toEqual([])
  })
})

describe('what a key can name', () => {
  const space = (tenant: string, grant: Parameters<typeof profile>[1]) =>
    nameSpaceOf(fakeRuntime(), { tenant, keyId: 'k', profile: profile({}, grant) })

  it('is what its tenant has in the configuration, less what its grant leaves out', () => {
    expect(space('demo', { routes: ['chat'] })).toMatchObject({
      allowedRoutes: ['chat'],
      directTargets: false,
    })
    expect(space('demo', { routes: ['chat'], models: ['m'] })?.directTargets).toBe(true)
  })

  it('is everything of its grant for a tenant that only its ledger knows', () => {
    expect(space('elsewhere', {})).toMatchObject({ allowedRoutes: ['*'], directTargets: true })
    expect(
      nameSpaceOf(fakeRuntime(), { tenant: 'elsewhere', keyId: 'k', profile: null }),
    ).toBeNull()
  })
})
