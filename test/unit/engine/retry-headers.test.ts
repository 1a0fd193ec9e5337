import { describe, expect, it } from 'vitest'
import { gatewayError } from '../../../worker/canonical/errors.ts'
import { createPolicies } from '../../../worker/edge/policies.ts'
import { readConfig } from '../../../worker/edge/config.ts'
import { retryHeaders } from '../../../worker/engine/retry-headers.ts'
import { settings } from '../../support/fake-host.ts'

describe('retryHeaders()', () => {
  it.each([
    [429, 2500, { 'retry-after': '3', 'x-should-retry': 'false' }],
    [429, undefined, { 'retry-after': '1', 'x-should-retry': 'false' }],
    [503, 2000, { 'retry-after': '2', 'x-should-retry': 'false' }],
    [503, undefined, { 'retry-after': '30', 'x-should-retry': 'false' }],
    [500, undefined, { 'x-should-retry': 'false' }],
    [409, 1, { 'retry-after': '1' }],
    [400, undefined, {}],
  ] as const)('of %i, to be tried again in %s ms', (status, retryAfterMs, headers) => {
    const more = retryAfterMs === undefined ? {} : { retryAfterMs }
    expect(retryHeaders(gatewayError('internal', status, 'no', more))).toEqual(headers)
  })
})

describe('the class of the data', () => {
  const readsOf = (route: object) => {
    const chat = { tiers: [['gpt-4.1@openai']], ...route }
    const read = readConfig({ ...settings, routes: { chat } }, { local: false })
    if (!read.ok) throw new Error(JSON.stringify(read.problems))
    return createPolicies(read.config).reads?.data ?? false
  }

  it('is read wherever something may be kept: of a cache that is only a rung, too', () => {
    expect(readsOf({})).toBe(false)
    expect(readsOf({ degrade: ['shorter'] })).toBe(false)
    expect(readsOf({ cache: { mode: 'first' } })).toBe(true)
    expect(readsOf({ degrade: ['cache'] })).toBe(true)
  })
})
