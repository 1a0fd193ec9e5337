import { describe, expect, it } from 'vitest'
import { addressOf, isWithinLimit, JunkShield } from '../../../worker/edge/access/junk-shield.ts'

describe('the shield against made-up keys', () => {
  it('remembers a bounded number of addresses, those that came last', () => {
    const shield = new JunkShield({ mostRejections: 1, forgetMs: 1000, maxAddresses: 3 })
    for (let address = 0; address < 10; address += 1) shield.rejected(`192.0.2.${address}`, 0)
    expect(shield.size).toBe(3)
    expect(shield.waitMs('192.0.2.9', 0)).toBe(1000)
    expect(shield.waitMs('192.0.2.0', 0)).toBe(0)
  })

  it('forgets with time, and not when a clock goes back', () => {
    const shield = new JunkShield({ mostRejections: 2, forgetMs: 1000, maxAddresses: 3 })
    shield.rejected('192.0.2.1', 5000)
    shield.rejected('192.0.2.1', 5000)
    expect(shield.waitMs('192.0.2.1', 4000)).toBe(1000)
    expect(shield.waitMs('192.0.2.1', 5500)).toBe(0)
    expect(shield.waitMs('192.0.2.1', 60_000)).toBe(0)
    expect(shield.size).toBe(0)
  })
})

describe('the limiter of the platform', () => {
  const limiter = (limit: (options: { key: string }) => Promise<{ success: boolean }>) => ({
    KEY_SHIELD: { limit },
  })

  it('is asked by the network, and is a shield and no lock: without it everybody is let through', async () => {
    const keys: string[] = []
    const strict = limiter(async ({ key }) => {
      keys.push(key)
      return { success: false }
    })
    expect(await isWithinLimit(strict, '192.0.2.1')).toBe(false)
    expect(await isWithinLimit(strict, '2001:db8:1::5')).toBe(false)
    expect(keys).toEqual(['192.0.2.1', '2001:db8:1:0'])
    expect(await isWithinLimit({}, '192.0.2.1')).toBe(true)
    const broken = limiter(() => Promise.reject(new Error('away')))
    expect(await isWithinLimit(broken, '192.0.2.1')).toBe(true)
  })

  it('goes by the address that the platform says', () => {
    const headers = { 'cf-connecting-ip': '192.0.2.7', 'x-forwarded-for': '203.0.113.9' }
    expect(addressOf(new Request('https://gateway.example', { headers }))).toBe('192.0.2.7')
    expect(addressOf(new Request('https://gateway.example'))).toBeNull()
  })
})
