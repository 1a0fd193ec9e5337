import { beforeAll, describe, expect, it } from 'vitest'
import type { CallSeen, MoneyPort } from '../../../worker/engine/money-port.ts'
import { unmetered } from '../../../worker/engine/money-port.ts'
import { chunk, json, streamed, streamEnd } from '../../support/fake-host.ts'
import {
  ask,
  configOf,
  contentOf,
  errorOf,
  type Gateway,
  gatewayOf,
  type GatewayOptions,
  installTransform,
  says,
} from './support.ts'

beforeAll(installTransform)

const two = [['gpt-4.1@openai'], ['m@backup']]
const schema = { type: 'object', required: ['city'], additionalProperties: false }
const properties = { city: { type: 'string' } }
const response_format = {
  type: 'json_schema',
  json_schema: { name: 'city', strict: true, schema: { ...schema, properties } },
}
const body = { response_format }

/** No circuit keeps a target away: all requests go to the first. */
const watchedOnly = { health: { mode: 'observe' } }

function gateway(
  validate: object,
  one: object,
  other: object,
  options: GatewayOptions = {},
  more: object = {},
): Gateway {
  const made = gatewayOf(configOf({ tiers: two, validate }, more), options)
  made.host.on('openai', json(one)).on('backup', json(other))
  return made
}

/** Money that remembers what each call was settled for. */
function booked(settled: CallSeen[]): MoneyPort {
  return {
    ...unmetered,
    admit: () => ({
      kind: 'admitted',
      account: { settle: (seen) => void settled.push(seen) },
      maxOutputTokens: null,
      isShorter: false,
    }),
  }
}

describe('a route that validates its answers', () => {
  it('has the second target answer when the first breaks the schema', async () => {
    const made = gateway({ schema: true }, says('{"town":"Ulm"}'), says('{"city":"Ulm"}'))
    const seen = await ask(made, { body })
    expect(contentOf(seen)).toBe('{"city":"Ulm"}')
    expect(seen.headers.get('x-switchyard-attempts')).toBe('2')
    expect(seen.reason).toContain('gpt-4.1@openai failed before (malformed)')
    expect(made.host.records[0]?.attempts).toMatchObject([
      {
        target: 'gpt-4.1@openai',
        outcome: 'malformed',
        status: 200,
        providerCode: 'answer:schema',
      },
      { target: 'm@backup', outcome: 'ok' },
    ])
  })

  it('pays for the answer that it does not give, as for any that came whole', async () => {
    const settled: CallSeen[] = []
    const one = says('{"town":"Ulm"}')
    const other = says('{"city":"Ulm"}')
    await ask(gateway({ schema: true }, one, other, { money: booked(settled) }), { body })
    expect(settled).toHaveLength(2)
    expect(settled[0]).toMatchObject({
      ending: 'complete',
      outcome: 'malformed',
      usage: { inputTokens: 10, outputTokens: 2 },
    })
  })

  it('tells the measurements of each target, once an answer', async () => {
    const [one, other] = [says('{"town":"Ulm"}'), says('{"city":"Ulm"}')]
    const made = gateway({ schema: true }, one, other, {}, watchedOnly)
    for (let n = 0; n < 40; n++) await ask(made, { body })
    const measured = (name: string) =>
      made.host.health.measures.measured(made.host.target(name), 10, made.host.clock.nowMs)
    expect(measured('gpt-4.1@openai').schemaValidity).toBe(0)
    expect(measured('m@backup').schemaValidity).toBe(1)
  })

  it('opens the circuit of a target that keeps breaking it', async () => {
    const made = gateway({ schema: true }, says('{"town":"Ulm"}'), says('{"city":"Ulm"}'))
    for (let n = 0; n < 40; n++) await ask(made, { body })
    const last = await ask(made, { body })
    expect(last.headers.get('x-switchyard-attempts')).toBe('1')
    expect(last.reason).toContain('gpt-4.1@openai passed over')
  })

  it('fails with what was wrong where no target does better; nothing of the answer is told', async () => {
    const made = gateway({ schema: true }, says('{"town":"Ulm"}'), says('grandmother'))
    const seen = await ask(made, { body })
    expect([seen.status, errorOf(seen).code]).toEqual([502, 'upstream_error'])
    expect(errorOf(seen).message).toContain('the answer is not JSON')
    expect(seen.text).not.toContain('grandmother')
    expect(JSON.stringify(made.host.records)).not.toMatch(/grandmother|Ulm/)
  })

  it.each([
    [{ nonEmpty: true }, says('')],
    [{ finish: ['stop'] }, says('cut', 'length')],
    [{ noErrorText: true }, says('An error occurred.')],
  ])('moves on for each rule: %j', async (validate, bad) => {
    const seen = await ask(gateway(validate, bad, says('good')))
    expect(contentOf(seen)).toBe('good')
  })

  it('holds the limit of the caller against no target', async () => {
    const made = gateway({ finish: ['stop'] }, says('cut', 'length'), says('good'))
    for (let n = 0; n < 40; n++) await ask(made)
    const last = await ask(made)
    expect(last.reason).not.toContain('passed over')
  })
})

describe('a stream of such a route', () => {
  const stream = { ...body, stream: true }
  const streams = (validate: object) => {
    const made = gatewayOf(configOf({ tiers: two, validate }, watchedOnly))
    const bad = json(says('{"town":"Ulm"}'))
    const isStream = ({ body: sent }: { readonly body: unknown }) =>
      (sent as { readonly stream?: boolean }).stream === true
    made.host.on('openai', (call, number) =>
      (isStream(call) ? streamed(chunk('{"town":"Ulm"}'), streamEnd) : bad)(call, number),
    )
    made.host.on('backup', json(says('{"city":"Ulm"}')))
    return made
  }

  it('that is held has the second target answer, as a proper stream', async () => {
    const made = streams({ schema: true, buffer: true })
    const seen = await ask(made, { body: stream })
    expect(seen.headers.get('content-type')).toContain('text/event-stream')
    expect(seen.text).toContain('{\\"city\\":\\"Ulm\\"}')
    expect(seen.text).not.toContain('town')
    expect(seen.text.match(/data: \[DONE\]/g)).toHaveLength(1)
    expect(
      made.host.calls.every(({ body }) => !JSON.stringify(body).includes('"stream":true')),
    ).toBe(true)
  })

  it('that is not held is given as it comes, and told to the measurements', async () => {
    const made = streams({ schema: true })
    const seen = await ask(made, { body: stream })
    expect(seen.text).toContain('town')
    expect(made.host.records[0]).toMatchObject({ plumbing: 'translate', ending: 'finished' })
    for (let n = 0; n < 40; n++) await ask(made, { body: stream })
    const target = made.host.target('gpt-4.1@openai')
    const { nowMs } = made.host.clock
    expect(made.host.health.measures.measured(target, 10, nowMs).schemaValidity).toBe(0)
  })
})
