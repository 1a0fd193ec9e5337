import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CanonicalEvent } from '../../../worker/canonical/events.ts'
import { isTerminal } from '../../../worker/canonical/events.ts'
import { collect } from '../../../worker/canonical/response.ts'
import type { RenderContext } from '../../../worker/dialects/dialect.ts'
import { dialects } from '../../../worker/dialects/index.ts'
import { adapters } from '../../../worker/providers/index.ts'
import { StreamDecoder } from '../../../worker/streams/stream-decoder.ts'
import { anthropicBody, mutated, openAiBody, seeded, spoiled } from '../../support/fuzz.ts'
import { recordedStreams } from '../../support/recorded-streams.ts'
import { report } from '../../support/report.ts'

const target = { upstreamModel: 'model', maxOutputTokens: 4096, options: { region: 'us-east-1' } }
const bodies = {
  'openai-chat': fc.oneof(openAiBody, spoiled(openAiBody)),
  'anthropic-messages': fc.oneof(anthropicBody, spoiled(anthropicBody)),
} as const

describe.each(['openai-chat', 'anthropic-messages'] as const)('any body of %s', (dialect) => {
  it('is refused by name, or written for every provider without a throw', () => {
    let understood = 0
    const { seed, numRuns } = seeded(`${dialect} bodies x ${adapters.size} adapters`, 800)
    const property = fc.property(bodies[dialect], (body) => {
      const parsed = dialects[dialect].parse(JSON.parse(JSON.stringify(body)))
      if (!parsed.ok) {
        expect(parsed.error.status).toBe(400)
        return
      }
      understood += 1
      for (const adapter of adapters.values()) {
        const call = adapter.encodeRequest(parsed.value, target)
        expect(call.path.startsWith('/'), adapter.id).toBe(true)
        expect(JSON.stringify(call.body).length, adapter.id).toBeGreaterThan(1)
      }
    })
    fc.assert(property, { seed, numRuns })
    report(`fuzz: ${dialect}: ${understood} of ${numRuns} bodies were understood`)
    expect(understood).toBeGreaterThan(numRuns / 20)
  })
})

const context: RenderContext = {
  requestId: 'req_1',
  model: 'model',
  nowS: 1_700_000_000,
  includeUsage: true,
  includeCost: true,
  costUsd: () => 0.001,
}

/** Providers of the fixtures that are recorded under another name than their adapter's. */
const adapterIds: Readonly<Record<string, string>> = {}

const streams = recordedStreams().flatMap((stream) => {
  const adapter = adapters.get(adapterIds[stream.provider] ?? stream.provider)
  return adapter === undefined ? [] : [{ ...stream, adapter }]
})

describe('recorded streams with wounds', () => {
  const { seed } = seeded(`${streams.length} recorded streams, 40 wounds each`, 40)

  it.each(streams)(
    '$provider/$name: one terminal event, last; both dialects render it',
    ({ adapter, bytes, provider }) => {
      // A few recordings are megabytes long; their beginning has all their event types.
      const beginning = bytes.subarray(0, 30_000)
      const property = fc.property(
        mutated(beginning),
        fc.integer({ min: 1, max: 5000 }),
        (hurt, size) => {
          const decoder = new StreamDecoder(adapter.framing, adapter.createDecoder())
          const events: CanonicalEvent[] = []
          for (let at = 0; at < hurt.length; at += size)
            events.push(...decoder.push(hurt.subarray(at, at + size)))
          events.push(...decoder.end())
          expect(events.filter(isTerminal), provider).toHaveLength(1)
          expect(isTerminal(events.at(-1) ?? { type: 'start' }), provider).toBe(true)
          collect(events)
          for (const dialect of Object.values(dialects)) {
            const renderer = dialect.createStreamRenderer(context)
            const text = events.map((event) => renderer.render(event)).join('')
            const failed = events.at(-1)?.type === 'failure'
            if (failed)
              expect(text).not.toMatch(/^data: \[DONE\]$|^data: {"type":"message_stop"}$/m)
          }
        },
      )
      fc.assert(property, { seed, numRuns: 40 })
    },
  )

  it('cover the repository', () => {
    const left = recordedStreams().filter(
      ({ provider }) => !streams.some((stream) => stream.provider === provider),
    )
    expect(left.map(({ provider, name }) => `${provider}/${name}`)).toEqual([])
  })
})

describe('whole answers and errors that are anything', () => {
  it('are events with one end, or a failure, for every adapter', () => {
    const { seed, numRuns } = seeded(`whole answers and errors x ${adapters.size} adapters`, 400)
    const value = fc.jsonValue({ maxDepth: 4 })
    const status = fc.constantFrom(400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 503, 529)
    const property = fc.property(
      value,
      status,
      fc.string({ maxLength: 200 }),
      (body, code, text) => {
        for (const adapter of adapters.values()) {
          const events = adapter.decodeResponse(body)
          expect(events.filter(isTerminal), adapter.id).toHaveLength(1)
          for (const said of [text, JSON.stringify(body), JSON.stringify({ error: body })]) {
            const failure = adapter.decodeFailure(code, new Map([['retry-after', text]]), said)
            expect(failure.message, adapter.id).toBeTypeOf('string')
            expect(failure.retryAfterMs ?? 0, adapter.id).toBeGreaterThanOrEqual(0)
          }
        }
      },
    )
    fc.assert(property, { seed, numRuns })
  })
})
