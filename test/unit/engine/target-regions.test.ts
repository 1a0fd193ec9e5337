import { describe, expect, it } from 'vitest'
import { json, settings, wholeAnswer } from '../../support/fake-host.ts'
import { ask, configOf, gatewayOf, installTransform } from '../ladder/support.ts'

installTransform()

/** A provider of the US that serves one of its models in the EU. */
function gateway(regions: readonly string[] | undefined) {
  const target = regions === undefined ? {} : { regions }
  const targets = { ...settings.targets, 'm@third': target }
  const made = gatewayOf(configOf({ tiers: [['m@third']] }, { targets }))
  made.host.on('third', json(wholeAnswer))
  return made
}

describe('the region of an answer', () => {
  it.each([
    ['of its target, where that says so', ['eu'], 'eu', 'eu'],
    ['of its target, all of them', ['eu', 'us'], 'eu, us', 'eu,us'],
    ['of its provider, where its target says nothing', undefined, 'us', 'us'],
  ])('is that %s', async (_name, regions, header, recorded) => {
    const made = gateway(regions)
    const seen = await ask(made)
    expect(seen.headers.get('x-switchyard-region')).toBe(header)
    expect(made.host.records[0]?.region).toBe(recorded)
  })
})
