import { describe, expect, it } from 'vitest'
import type { CanonicalRequest } from '../../../worker/canonical/request.ts'
import type { Candidate } from '../../../worker/policy/candidate.ts'
import {
  candidateOf as candidate,
  planFor,
  seedDrawing,
  seedsOverAll,
} from '../../support/policy-world.ts'

const request: CanonicalRequest = {
  model: 'chat',
  messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }],
  sampling: {},
  stream: false,
  includeUsage: true,
  includeCost: false,
}

function order(
  candidates: readonly Candidate[],
  asked: Partial<CanonicalRequest> = {},
  seed = 0,
): string[] {
  const made = planFor({ ...request, ...asked }, candidates, { nowMs: 1000, seed })
  return made.kind === 'none' ? [] : made.steps.map(({ target }) => target)
}

function reasons(
  candidates: readonly Candidate[],
  asked: Partial<CanonicalRequest>,
): Record<string, string> {
  const made = planFor({ ...request, ...asked }, candidates, { nowMs: 1000 })
  return Object.fromEntries(made.exclusions.map(({ target, reason }) => [target, reason]))
}

describe('plan() order', () => {
  it('takes tiers in order, whatever the draw', () => {
    const candidates = [
      candidate('b@y', { tier: 1 }),
      candidate('a@x'),
      candidate('c@z', { tier: 2 }),
    ]
    for (const seed of seedsOverAll(4))
      expect(order(candidates, {}, seed)).toEqual(['a@x', 'b@y', 'c@z'])
  })

  it('draws inside a tier by weight and puts the rest of the tier behind', () => {
    const candidates = [candidate('a@x', { weight: 9 }), candidate('b@y', { weight: 1 })]
    expect(order(candidates, {}, seedDrawing(0.89, 0.9))).toEqual(['a@x', 'b@y'])
    expect(order(candidates, {}, seedDrawing(0.9, 0.91))).toEqual(['b@y', 'a@x'])
  })

  it('draws first choices in proportion to their weights', () => {
    const candidates = [
      candidate('a@x', { weight: 6 }),
      candidate('b@y', { weight: 3 }),
      candidate('c@z', { weight: 1 }),
    ]
    const counts = new Map<string, number>()
    for (const seed of seedsOverAll(1000)) {
      const [first = ''] = order(candidates, {}, seed)
      counts.set(first, (counts.get(first) ?? 0) + 1)
    }
    expect(Object.fromEntries(counts)).toEqual({ 'a@x': 600, 'b@y': 300, 'c@z': 100 })
  })

  it('asks a target of weight 0 only after the others of its tier', () => {
    const candidates = [candidate('idle@x', { weight: 0 }), candidate('a@y'), candidate('b@z')]
    for (const seed of seedsOverAll(5)) expect(order(candidates, {}, seed).at(-1)).toBe('idle@x')
  })

  it('puts a target whose provider asked to wait behind all tiers, and never drops it', () => {
    const candidates = [candidate('a@x', { notBeforeMs: 5000 }), candidate('b@y', { tier: 1 })]
    expect(order(candidates)).toEqual(['b@y', 'a@x'])
    expect(order([candidate('a@x', { notBeforeMs: 5000 })])).toEqual(['a@x'])
    expect(order([candidate('a@x', { notBeforeMs: 1000 }), candidate('b@y', { tier: 1 })])).toEqual(
      ['a@x', 'b@y'],
    )
  })

  it("follows the caller's provider.order, and sort by price, within what the route holds", () => {
    const candidates = [candidate('a@x', { inputUsdPerMillion: 9 }), candidate('b@y', { tier: 1 })]
    expect(order(candidates, { provider: { order: ['y'] } })).toEqual(['b@y', 'a@x'])
    expect(order(candidates, { provider: { sort: 'price' } })).toEqual(['b@y', 'a@x'])
    const asked = { ...request, provider: { sort: 'price' } } as const
    const sorted = planFor(asked, candidates, { nowMs: 1000 })
    expect(sorted.kind === 'steps' && sorted.steps.map(({ reason }) => reason)).toEqual([
      expect.stringContaining('first as provider.sort asks'),
      expect.stringContaining('next as provider.sort asks'),
    ])
    expect(order(candidates, { provider: { order: ['nobody'] } })).toEqual(['a@x', 'b@y'])
  })

  it('knows providers in any case and by the slugs that OpenRouter gives them', () => {
    const candidates = [candidate('a@openai'), candidate('b@bedrock'), candidate('c@gemini')]
    const narrowed = (provider: CanonicalRequest['provider']) =>
      order(candidates, provider === undefined ? {} : { provider })
    expect(narrowed({ only: ['amazon-bedrock'] })).toEqual(['b@bedrock'])
    expect(narrowed({ ignore: ['OpenAI', 'google-ai-studio'] })).toEqual(['b@bedrock'])
    expect(narrowed({ order: ['Google-AI-Studio'], allowFallbacks: false })).toEqual(['c@gemini'])
  })
})

describe('plan() exclusions', () => {
  it('avoids a target that cannot do what the request needs, and names the field', () => {
    const image = {
      role: 'user' as const,
      content: [
        {
          type: 'image' as const,
          source: { kind: 'url' as const, url: 'https://a.example/x.png' },
        },
      ],
    }
    const seeing = candidate('eye@y', { features: new Set(['imageUrl']) })
    expect(order([candidate('a@x'), seeing], { messages: [image] })).toEqual(['eye@y'])
    expect(reasons([candidate('a@x'), seeing], { messages: [image] })['a@x']).toContain(
      '"messages[0].content[0]"',
    )
  })

  it('does not take the title of a document for a parameter that require_parameters asks for', () => {
    const text = { kind: 'text' as const, mediaType: 'text/plain', text: 'x' }
    const content = [{ type: 'file' as const, source: text, name: 'Notes' }]
    const asked = { messages: [{ role: 'user' as const, content }] }
    const plain = candidate('a@x', { features: new Set(['fileText']) })
    const strict = { ...asked, provider: { requireParameters: true } }
    expect(order([plain], strict)).toEqual(['a@x'])
    expect(order([plain], { ...strict, sampling: { seed: 7 } })).toEqual([])
  })

  it('avoids a target whose answers are too short while another fits, and asks the last one all the same', () => {
    const short = candidate('short@x', { maxOutputTokens: 4096 })
    const long = candidate('long@y', { tier: 1, maxOutputTokens: 64_000 })
    const unknown = candidate('unknown@z', { tier: 2, maxOutputTokens: null })
    expect(order([short, long, unknown], { maxOutputTokens: 4096 })).toEqual([
      'short@x',
      'long@y',
      'unknown@z',
    ])
    expect(order([short, long, unknown], { maxOutputTokens: 4097 })).toEqual([
      'long@y',
      'unknown@z',
    ])
    expect(reasons([short, long], { maxOutputTokens: 5000 })['short@x']).toBe(
      'its answers have at most 4096 tokens, and 5000 are asked for',
    )
    expect(order([short], { maxOutputTokens: 100_000 })).toEqual(['short@x'])
    expect(order([short, long])).toEqual(['short@x', 'long@y'])
  })

  it('avoids a target that takes fewer stop sequences, and refuses the request when there is no other', () => {
    const few = candidate('few@x', { maxStopSequences: 4 })
    const stop = ['1', '2', '3', '4', '5']
    expect(order([few, candidate('any@y')], { stop })).toEqual(['any@y'])
    expect(order([few], { stop: stop.slice(1) })).toEqual(['few@x'])
    expect(order([few], { stop })).toEqual([])
    expect(reasons([few], { stop, fields: { stop: 'stop_sequences' } })['few@x']).toBe(
      'it takes at most 4 of "stop_sequences", and 5 are given',
    )
  })

  it('sends an uploaded file to nobody but the vendors of its format', () => {
    const content = [
      {
        type: 'file' as const,
        source: { kind: 'id' as const, id: 'file_1', wire: 'anthropic-messages' as const },
      },
    ]
    const messages = [{ role: 'user' as const, content }]
    const features = new Set(['fileId'] as const)
    const other = candidate('gpt@x', { features })
    const own = candidate('claude@y', { features, wire: 'anthropic-messages' })
    expect(order([other, own], { messages })).toEqual(['claude@y'])
    expect(reasons([other], { messages })['gpt@x']).toContain('"messages[0].content[0]"')
  })

  it('keeps a target that lacks a wish and warns of it; require_parameters makes the wish a need', () => {
    const asked = { sampling: { seed: 7 } }
    const made = planFor({ ...request, ...asked }, [candidate('a@x')])
    expect(made.kind === 'steps' && made.steps[0].warnings).toEqual(['seed'])
    expect(order([candidate('a@x')], { ...asked, provider: { requireParameters: true } })).toEqual(
      [],
    )
  })

  it('leaves blocks that only one wire format knows to targets of that format', () => {
    const opaque = {
      role: 'assistant' as const,
      content: [
        { type: 'opaque' as const, raw: { wire: 'anthropic-messages' as const, value: {} } },
      ],
    }
    const claude = candidate('c@z', { wire: 'anthropic-messages', features: new Set(['prefill']) })
    const both = [candidate('a@x', { features: new Set(['prefill']) }), claude]
    expect(order(both, { messages: [opaque] })).toEqual(['c@z'])
  })

  it('narrows by provider.only, provider.ignore, allow_fallbacks and max_price, and never widens', () => {
    const both = [candidate('a@x', { inputUsdPerMillion: 5 }), candidate('b@y')]
    expect(order(both, { provider: { only: ['y'] } })).toEqual(['b@y'])
    expect(order(both, { provider: { ignore: ['x'] } })).toEqual(['b@y'])
    expect(order(both, { provider: { order: ['y'], allowFallbacks: false } })).toEqual(['b@y'])
    expect(order(both, { provider: { maxPrice: { prompt: 2 } } })).toEqual(['b@y'])
    expect(
      order([candidate('a@x', { inputUsdPerMillion: null })], {
        provider: { maxPrice: { prompt: 2 } },
      }),
    ).toEqual([])
    expect(order(both, { provider: { only: ['elsewhere'] } })).toEqual([])
    expect(order(both, { provider: { zdr: true } })).toEqual([])
    expect(order(both, { provider: { dataCollection: 'deny' } })).toEqual([])
    expect(order(both, { provider: { dataCollection: 'allow', zdr: false } })).toHaveLength(2)
  })

  it('prefers targets whose context holds the prompt, and refuses nobody when none does', () => {
    const long = {
      messages: [
        { role: 'user' as const, content: [{ type: 'text' as const, text: 'x'.repeat(40_000) }] },
      ],
    }
    const small = candidate('small@x', { contextTokens: 8000 })
    expect(order([small, candidate('large@y')], long)).toEqual(['large@y'])
    expect(order([small], long)).toEqual(['small@x'])
  })

  it('avoids a target that cannot be held to one tool call while another can, and warns of the last one', () => {
    const tools = [{ kind: 'function' as const, name: 'f' }]
    const asked = { tools, parallelToolCalls: false }
    const able = candidate('b@y', { features: new Set(['tools', 'singleToolCall']) })
    expect(order([candidate('a@x'), able], asked)).toEqual(['b@y'])
    expect(reasons([candidate('a@x'), able], asked)['a@x']).toContain('parallel_tool_calls')
    const made = planFor({ ...request, ...asked }, [candidate('a@x')])
    expect(made.kind === 'steps' && made.steps[0].warnings).toEqual(['parallel_tool_calls'])
    expect(order([candidate('a@x')], { ...asked, provider: { requireParameters: true } })).toEqual(
      [],
    )
  })

  it('avoids a target that makes one tool call at a time where several are asked for, while another can', () => {
    const tools = [{ kind: 'function' as const, name: 'f' }]
    const asked = { tools, parallelToolCalls: true }
    const able = candidate('b@y', { features: new Set(['tools', 'parallelTools']) })
    expect(order([candidate('a@x'), able], asked)).toEqual(['b@y'])
    const made = planFor({ ...request, ...asked }, [candidate('a@x')])
    expect(made.kind === 'steps' && made.steps[0].warnings).toEqual(['parallel_tool_calls'])
    expect(order([candidate('a@x')], { parallelToolCalls: true })).toEqual(['a@x'])
  })

  it('leaves out what has no credential here', () => {
    expect(reasons([candidate('a@x', { unavailable: 'X_KEY is not set here' })], {})['a@x']).toBe(
      'X_KEY is not set here',
    )
  })
})

describe('plan() reasons', () => {
  it('gives each step one sentence', () => {
    const made = planFor(request, [
      candidate('a@x', { weight: 3 }),
      candidate('b@y'),
      candidate('c@z', { tier: 1 }),
    ])
    expect(made.kind === 'steps' && made.steps.map(({ reason }) => reason)).toEqual([
      'drawn by weight 3 in tier 1, first in order',
      'drawn by weight 1 in tier 1, next in order',
      'tier 2, next in order',
    ])
  })

  it('is the same plan for the same seed, and another for some other', () => {
    const candidates = ['a@x', 'b@y', 'c@z'].map((target) => candidate(target))
    const made = (seed: number) => JSON.stringify(planFor(request, candidates, { seed }))
    expect(made(5)).toBe(made(5))
    expect(new Set(seedsOverAll(10).map(made)).size).toBeGreaterThan(1)
  })
})
