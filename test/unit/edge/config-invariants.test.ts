import { describe, expect, it } from 'vitest'
import { baseUrlRule } from '../../../worker/edge/config.ts'

describe('baseUrlRule()', () => {
  it('refuses user info on loopback too', () => {
    for (const url of ['http://user:pass@127.0.0.1:8788', 'http://user@localhost'])
      expect(baseUrlRule(url, { local: true })).toBe('must not carry user info')
  })
})
