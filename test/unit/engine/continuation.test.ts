import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anthropicMessages } from '../../../worker/dialects/anthropic-messages/index.ts'
import { familyOf } from '../../../worker/engine/continuation-rules.ts'
import { overlapOf } from '../../../worker/engine/overlap.ts'
import { type Break, breaking, breaks, message, whole } from '../../support/breaking-streams.ts'
import {
  chunk,
  event,
  type FakeHost,
  refusing,
  silence,
  streaming,
  UpstreamBody,
} from '../../support/fake-host.ts'
import {
  ask,
  type Asked,
  dataOf,
  hostOf,
  textOf,
  type Told,
  withStreams,
  worldOf,
} from '../../support/parallel-world.ts'

withStreams()

const toClaude = [['gpt-4.1@openai'], ['claude-sonnet-4-5@anthropic']]
const toBackup = [['gpt-4.1@openai'], ['gpt-4.1@backup']]
const resume = { 'x-switchyard-resume': 'continue' }

function resumed(host: FakeHost, asked: Asked = {}): Promise<Told> {
  return ask(host, { ...asked, headers: { ...resume, ...asked.headers } })
}

function interrupted(how: Break = 'truncate', options: object = {}, tiers = toClaude): FakeHost {
  return hostOf(worldOf(options, tiers))
    .on('openai', breaking(how, 'The cat ', 'sat on'))
    .on('anthropic', message([' the mat', '.']))
    .on('backup', whole(' the mat', '.'))
}

interface Marker {
  readonly from: string
  readonly to: string
  readonly because: string
  readonly mode: string
  readonly input_tokens: number
  readonly output_tokens: number
  readonly estimated: boolean
}

function markers(text: string): Marker[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith(': switchyard-resume '))
    .map((line) => JSON.parse(line.slice(': switchyard-resume '.length)) as Marker)
}

/** What was sent to the second target. */
function messagesOf(host: FakeHost, index = 1): unknown {
  return (host.calls[index]?.body as { messages: unknown } | undefined)?.messages
}

describe('an answer that was interrupted', () => {
  it.each(breaks)('goes on elsewhere after a %s, as one text with one end', async (how) => {
    const host = interrupted(how)
    const { text, status } = await resumed(host)
    expect(status).toBe(200)
    expect(textOf(text)).toBe('The cat sat on the mat.')
    expect(text.split('data: [DONE]')).toHaveLength(2)
    expect(text).not.toContain('"error"')
    expect(host.asked).toEqual(['openai', 'anthropic'])
    expect(host.calls[0]?.signal.aborted).toBe(true)
    expect(markers(text)).toMatchObject([
      { from: 'gpt-4.1@openai', to: 'claude-sonnet-4-5@anthropic', mode: 'prefill' },
    ])
  })

  it('hands the second target what there is, as the beginning of its answer', async () => {
    const host = interrupted()
    await resumed(host)
    expect(messagesOf(host)).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'Hello' }] },
      { role: 'assistant', content: [{ type: 'text', text: 'The cat sat on' }] },
    ])
  })

  it('tells one usage for both, and both attempts', async () => {
    const host = interrupted()
    const { text } = await resumed(host, { body: { stream_options: { include_usage: true } } })
    const { usage } = dataOf(text).findLast((one) => one.usage != null) ?? {}
    const [marker] = markers(text)
    expect(marker?.estimated).toBe(true)
    expect(usage).toMatchObject({
      prompt_tokens: 20 + (marker?.input_tokens ?? 0),
      completion_tokens: 5 + (marker?.output_tokens ?? 0),
    })
    expect(host.records).toHaveLength(1)
    expect(host.records[0]).toMatchObject({
      ending: 'finished',
      target: 'claude-sonnet-4-5@anthropic',
      attempts: [
        { target: 'gpt-4.1@openai', outcome: 'truncated' },
        { target: 'claude-sonnet-4-5@anthropic', outcome: 'ok' },
      ],
    })
    // Each part at the price of its own target: 2,000 in and 8,000 out, 3,000 in and 15,000 out.
    const first = (marker?.input_tokens ?? 0) * 2000 + (marker?.output_tokens ?? 0) * 8000
    expect(host.records[0]?.costNanoUsd).toBe(first + 20 * 3000 + 5 * 15_000)
    expect(text).toContain(`: cost-usd ${(first + 20 * 3000 + 5 * 15_000) / 1e9}`)
  })

  it('is told in the record as what it is: a call that goes on with an answer of another', async () => {
    const host = interrupted('reset')
    const { text } = await resumed(host)
    const [first, second] = host.records[0]?.attempts ?? []
    expect(first).not.toHaveProperty('continues')
    expect(second?.continues).toEqual({
      from: 'gpt-4.1@openai',
      because: 'truncated',
      mode: 'prefill',
    })
    expect(markers(text)).toMatchObject([second?.continues ?? {}])
  })

  it('goes on in the dialect of the client, in the block that is open', async () => {
    const host = hostOf(worldOf({}, toClaude))
    host.on('openai', breaking('reset', 'The cat ')).on('anthropic', message(['sat.']))
    const { text } = await resumed(host, { dialect: anthropicMessages })
    expect(text.match(/event: content_block_start/g)).toHaveLength(1)
    expect(text.match(/event: message_start/g)).toHaveLength(1)
    expect(text.match(/event: message_stop/g)).toHaveLength(1)
    const deltas = [...text.matchAll(/"text_delta","text":"([^"]*)"/g)].map(([, one]) => one)
    expect(deltas.join('')).toBe('The cat sat.')
    expect(markers(text)).toHaveLength(1)
  })

  it('is never relayed, although its form would allow it', async () => {
    const host = interrupted()
    await resumed(host, { body: { stream_options: { include_usage: true } } })
    expect(host.records[0]?.plumbing).toBe('translate')
  })

  it('keeps the client alive while the second target thinks', async () => {
    const host = interrupted()
    host.on('anthropic', async (call, number) => {
      await new Promise<void>((resolve) => void host.clock.after(12_000, resolve))
      return message([' the mat', '.'])(call, number)
    })
    const { text } = await resumed(host)
    const beforeMarker = text.slice(text.indexOf('sat on'), text.indexOf('switchyard-resume'))
    expect(beforeMarker.split('\n').filter((line) => /^: ?\S*$/.test(line)).length).toBeGreaterThan(
      0,
    )
    expect(textOf(text)).toBe('The cat sat on the mat.')
  })

  it('asks the same model elsewhere before others', async () => {
    const tiers = [['gpt-4.1@openai'], ['claude-sonnet-4-5@anthropic'], ['gpt-4.1@backup']]
    const host = interrupted('reset', { resume: { userTurn: true } }, tiers)
    const { text } = await resumed(host)
    expect(host.asked).toEqual(['openai', 'backup'])
    expect(markers(text)).toMatchObject([{ to: 'gpt-4.1@backup', mode: 'user_turn' }])
    expect(messagesOf(host)).toMatchObject([
      { role: 'user' },
      { role: 'assistant', content: 'The cat sat on' },
      { role: 'user', content: expect.stringMatching(/cut off/) },
    ])
  })

  it('goes on with the next when a second target fails before it says anything', async () => {
    const tiers = [...toClaude, ['gpt-4.1@backup']]
    const host = interrupted('reset', { resume: { userTurn: true } }, tiers)
    host.on('backup', refusing(500))
    const { text } = await resumed(host)
    expect(host.asked).toEqual(['openai', 'backup', 'anthropic'])
    expect(textOf(text)).toBe('The cat sat on the mat.')
    expect(host.records[0]?.attempts.map(({ outcome }) => outcome)).toEqual([
      'truncated',
      'server_error',
      'ok',
    ])
    const from = { from: 'gpt-4.1@openai', because: 'truncated' }
    expect(host.records[0]?.attempts.map(({ continues }) => continues)).toEqual([
      undefined,
      { ...from, mode: 'user_turn' },
      { ...from, mode: 'prefill' },
    ])
  })

  it('leaves less to the second part of what the caller allows', async () => {
    const host = interrupted()
    host.on('openai', breaking('reset', 'x'.repeat(200)))
    await resumed(host)
    expect(host.calls[1]?.body).toMatchObject({ max_tokens: 100 - 200 / 4 })
  })
})

describe('an interrupted answer ends with the honest error', () => {
  const tool = {
    type: 'function',
    function: { name: 'look', parameters: { type: 'object', properties: {} } },
  }
  const schema = { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object' } } }
  const calls = (body: UpstreamBody) =>
    body.push(
      event({
        id: 'c',
        created: 1,
        model: 'm',
        choices: [
          {
            index: 0,
            delta: {
              tool_calls: [
                {
                  index: 0,
                  id: 'call_1',
                  type: 'function',
                  function: { name: 'look', arguments: '{' },
                },
              ],
            },
            finish_reason: null,
          },
        ],
      }),
    )
  const finished = (body: UpstreamBody) =>
    body.push(
      event({
        id: 'c',
        created: 1,
        model: 'm',
        choices: [{ index: 0, delta: {}, finish_reason: 'stop' }],
      }),
    )

  async function expectHonest(host: FakeHost, asked: Asked = {}, asksToResume = true) {
    const headers = asksToResume ? { ...resume, ...asked.headers } : {}
    const { text, headers: told } = await ask(host, { ...asked, headers })
    expect(host.asked).toEqual(['openai'])
    expect(text).not.toContain('[DONE]')
    expect(markers(text)).toEqual([])
    expect(dataOf(text).filter(({ error }) => error !== undefined)).toHaveLength(1)
    return told
  }

  it('where the caller did not ask for more', async () => {
    await expectHonest(interrupted(), {}, false)
  })

  it.each([
    ['several answers', { n: 2 }, /several answers/],
    ['log probabilities', { logprobs: true }, /log probabilities/],
    ['structured output', { response_format: schema }, /structured output/],
    ['a tool of the provider', { web_search_options: {} }, /tools that the provider runs/],
  ])('where it asks for %s, and says so beforehand', async (_name, body, why) => {
    const told = await expectHonest(interrupted(), { body })
    expect(told.get('x-switchyard-warning')).toMatch(why)
  })

  it('where a tool call is open, or was made', async () => {
    const body = new UpstreamBody()
    const host = interrupted().on('openai', streaming(calls(body.push(chunk('Look:'))).end()))
    await expectHonest(host, { body: { tools: [tool] } })
  })

  it('where no target takes a beginning, and the route wants no turn of the user', async () => {
    await expectHonest(interrupted('reset', {}, toBackup))
  })

  it('where the model had said that it was done', async () => {
    const body = new UpstreamBody()
    const host = interrupted().on('openai', streaming(finished(body.push(chunk('Done.'))).end()))
    await expectHonest(host)
  })

  it('where no attempt is left', async () => {
    await expectHonest(interrupted('reset', { limits: { maxAttempts: 1 } }))
  })

  it('where nothing was refused but the content', async () => {
    const body = new UpstreamBody().push(chunk('The cat'))
    body.push(event({ error: { message: 'no', code: 'content_filter' } })).end()
    await expectHonest(interrupted().on('openai', streaming(body)))
  })

  it('where its client left in the meantime', async () => {
    const host = interrupted('stall')
    host.clock.after(4000, () => host.leave())
    await resumed(host)
    expect(host.asked).toEqual(['openai'])
    expect(host.records[0]?.ending).toBe('client_gone')
  })

  it('once: a second part that breaks as well is told, with what its own provider said', async () => {
    const tiers = [...toBackup, ['claude-sonnet-4-5@anthropic']]
    const host = interrupted('reset', { resume: { userTurn: true } }, tiers)
    host.on('backup', breaking('truncate', ' the mat'))
    const { text } = await resumed(host)
    expect(host.asked).toEqual(['openai', 'backup'])
    expect(textOf(text)).toBe('The cat sat on the mat')
    expect(text).not.toContain('[DONE]')
    expect(dataOf(text).at(-1)?.error?.code).toBe('upstream_interrupted')
  })

  it('with the failure of the first, when nobody could go on', async () => {
    const host = interrupted('stall').on('anthropic', silence)
    const { text } = await resumed(host, { headers: { 'x-switchyard-deadline-ms': '80000' } })
    expect(host.asked).toEqual(['openai', 'anthropic'])
    expect(dataOf(text).at(-1)?.error).toMatchObject({
      code: 'upstream_timeout',
      message: expect.stringContaining('in the middle of its answer'),
    })
    expect(host.records[0]?.attempts).toHaveLength(2)
  })

  it('and a header that means nothing is refused by name', async () => {
    const host = interrupted()
    const { status, text } = await ask(host, { headers: { 'x-switchyard-resume': 'yes' } })
    expect(status).toBe(400)
    expect(text).toContain('x-switchyard-resume')
    expect(host.asked).toEqual([])
  })
})

describe('every place in which a stream can break', () => {
  const piece = fc.constantFrom('alpha', 'beta', ' ', '\n', '42', 'Über', '猫', '. ')

  it('gives the whole text once, one end, and both calls in the record', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { minLength: 2, maxLength: 12 }),
        fc.nat(11),
        fc.constantFrom(...breaks),
        fc.boolean(),
        async (pieces, at, how, repeats) => {
          const text = pieces.join('')
          const cut = 1 + (at % (pieces.length - 1))
          const [before, after] = [pieces.slice(0, cut), pieces.slice(cut)]
          const told = before.join('')
          // Like a model that writes the white space anew, or one that says its last word again.
          const space = told.slice(told.trimEnd().length)
          const word = /(?:^|[\s.])(\p{L}+)$/u.exec(told)?.[1] ?? ''
          const again = repeats && space === '' ? word : space
          const second = [again, ...after].filter((one) => one !== '')
          // A text that itself repeats its last word at the break cannot be told from a repetition.
          fc.pre(told.trim() !== '' && overlapOf(told, second.join('')) === again.length)
          const host = hostOf(worldOf({}, toClaude))
          host.on('openai', breaking(how, ...before)).on('anthropic', message(second))
          const { text: stream } = await resumed(host)
          expect(textOf(stream)).toBe(text)
          expect(stream.split('data: [DONE]')).toHaveLength(2)
          expect(markers(stream)).toHaveLength(1)
          expect(host.asked).toEqual(['openai', 'anthropic'])
          expect(host.records[0]?.attempts).toHaveLength(2)
          expect(host.clock.pending).toBe(0)
        },
      ),
      { seed: 73, verbose: 1, numRuns: 60 },
    )
  })
})

describe('familyOf()', () => {
  it.each([
    ['claude-sonnet-4-5', 'us.anthropic.claude-sonnet-4-5-20250929-v1:0'],
    ['claude-sonnet-4.5', 'anthropic/claude-sonnet-4-5-20250929'],
    ['gpt-4.1', 'openai/gpt-4.1-2025-04-14'],
    ['llama-3.3-70b', 'meta-llama/llama-3.3-70b:free'],
  ])('is the same for %s and %s', (one, other) => {
    expect(familyOf(one)).toBe(familyOf(other))
  })

  it('differs for models that differ', () => {
    const models = ['gpt-4.1', 'gpt-4.1-mini', 'gpt-4o', 'claude-sonnet-4-5', 'claude-opus-4-5']
    expect(new Set(models.map(familyOf)).size).toBe(models.length)
  })
})
