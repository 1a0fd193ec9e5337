import { describe, expect, it } from 'vitest'
import type { CanonicalEvent, FinishReason } from '../../../worker/canonical/events.ts'
import { holdsToOwnSchema } from '../../../worker/engine/own-schema.ts'
import { json } from '../../support/fake-host.ts'
import { ask, configOf, gatewayOf, says } from '../ladder/support.ts'

const schema = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
}

const asked = { responseFormat: { type: 'jsonSchema' as const, name: 'city', schema } }

const answer = (text: string, reason: FinishReason = 'stop'): CanonicalEvent[] => [
  { type: 'start' },
  { type: 'text', choice: 0, text },
  { type: 'finish', choices: [{ choice: 0, reason }] },
]

describe('holdsToOwnSchema()', () => {
  it.each<[string, CanonicalEvent[], boolean | null]>([
    ['what the request asks for', answer('{"city":"Ulm"}'), true],
    ['the same in a fence', answer('```json\n{"city":"Ulm"}\n```'), true],
    ['JSON of another shape', answer('{"town":"Ulm"}'), false],
    ['no JSON', answer('Ulm'), false],
    ['an answer that was cut', answer('{"ci', 'length'), null],
  ])('judges %s', (_what, events, expected) => {
    expect(holdsToOwnSchema(asked, events)).toBe(expected)
  })

  it('says nothing where the request brings no schema, or one that nobody here can judge', () => {
    expect(holdsToOwnSchema({}, answer('Ulm'))).toBeNull()
    expect(holdsToOwnSchema({ responseFormat: { type: 'json' } }, answer('Ulm'))).toBeNull()
    const elsewhere = { ...asked.responseFormat, schema: { $ref: 'https://example.com/s' } }
    expect(holdsToOwnSchema({ responseFormat: elsewhere }, answer('{}'))).toBeNull()
  })
})

describe('a floor of schema validity', () => {
  const body = {
    response_format: { type: 'json_schema', json_schema: { name: 'city', strict: true, schema } },
  }
  const served = async (floors: object) => {
    const tiers = [['gpt-4.1@openai'], ['m@backup']]
    const gateway = gatewayOf(configOf({ tiers, ...floors }, { health: { mode: 'observe' } }))
    // JSON in every answer, and of the wrong shape.
    gateway.host.on('openai', json(says('{"town":"Ulm"}'))).on('backup', json(says('{"city":"U"}')))
    for (let call = 0; call < 30; call += 1) await ask(gateway, { body })
    const seen = await ask(gateway, { body })
    const { clock, ports } = gateway.host
    const target = gateway.host.target('gpt-4.1@openai')
    return { seen, known: ports.health.measures?.measured(target, 100, clock.nowMs) }
  }

  it('counts answers that are JSON and break the schema of the request', async () => {
    const { seen, known } = await served({ floors: { schemaValidity: 0.9 } })
    expect(seen.text).toContain('city')
    expect(seen.reason).toContain('gpt-4.1@openai passed over: ')
    expect(known?.schemaValidity).toBe(0)
  })

  it('is needed for that: without one nothing is held against a schema', async () => {
    const { seen, known } = await served({ floors: { toolCallSuccess: 0.9 } })
    expect(seen.text).toContain('town')
    expect(known?.schemaValidity).toBe(1)
  })
})
