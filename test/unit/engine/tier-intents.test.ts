import { describe, expect, it } from 'vitest'
import { json, refusing, wholeAnswer } from '../../support/fake-host.ts'
import { ask, configOf, gatewayOf } from '../ladder/support.ts'

const route = (intent: string) => ({
  tiers: [['gpt-4.1@openai'], { targets: ['m@backup'], intent }],
})

async function answeredBehind(intent: string) {
  const gateway = gatewayOf(configOf(route(intent)))
  gateway.host.on('openai', refusing(500)).on('backup', json(wholeAnswer))
  const seen = await ask(gateway)
  return { seen, record: gateway.host.records[0] }
}

describe('an answer of a tier with an intent', () => {
  it.each([
    ['same-family', 'the same family elsewhere', null],
    ['cheaper', 'cheaper', null],
    ['smaller', 'smaller', 'smaller-model'],
    ['degraded', 'degraded', 'smaller-model'],
  ])(
    '%s says so in its reason and its record, and is marked only where it is less',
    async (...row) => {
      const [intent, words, degraded] = row
      const { seen, record } = await answeredBehind(intent)
      expect(seen.status).toBe(200)
      expect(seen.reason).toContain(`tier 2 (${words})`)
      expect(seen.degraded).toBe(degraded)
      expect(record?.decision?.intents).toEqual([null, intent])
    },
  )

  it('is not spoken of where no tier has one', async () => {
    const gateway = gatewayOf(configOf({ tiers: [['gpt-4.1@openai'], ['m@backup']] }))
    gateway.host.on('openai', refusing(500)).on('backup', json(wholeAnswer))
    const seen = await ask(gateway)
    expect(seen.reason).toMatch(/tier 2, /)
    const { decision } = gateway.host.records[0] ?? {}
    expect(decision?.steps).toHaveLength(2)
    expect(JSON.stringify(decision)).not.toContain('intents')
  })
})
