import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { routesFile, runWorld } from './run-world.ts'

const hello = { model: 'chat', messages: [{ role: 'user', content: 'Hello' }] }
const long = { ...hello, model: 'long', stream: true }
/** Larger than what route `small` keeps, 16 384 bytes. */
const large = 'x'.repeat(20_000)

beforeEach(() => {
  runWorld.start()
  vi.stubGlobal('fetch', runWorld.fetch)
})

afterEach(() => {
  vi.unstubAllGlobals()
})

const keyed = () => ({ 'idempotency-key': crypto.randomUUID() })
const usage = { prompt_tokens: 7, completion_tokens: 5, total_tokens: 12 }
const made = { id: 'c', created: 1, model: 'gpt-4.1' }

function whole(content: string): Response {
  const choice = { index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }
  return Response.json({ ...made, object: 'chat.completion', choices: [choice], usage })
}

/** A stream that says `go `, and the rest once it may. It takes nothing but a flag from the test: it is of the object that called. */
function streaming(content: string): { isHeld: boolean } {
  const choices = [
    { index: 0, delta: { role: 'assistant', content: 'go ' } },
    { index: 0, delta: { content } },
    { index: 0, delta: {}, finish_reason: 'stop' },
  ]
  const [first = '', ...rest] = [
    ...choices.map((choice) => ({ choices: [choice] })),
    { choices: [], usage },
  ].map(
    (event) =>
      `data: ${JSON.stringify({ ...made, object: 'chat.completion.chunk', ...event })}\n\n`,
  )
  const model = { isHeld: true }
  runWorld.upstream = () => {
    const pieces = [first, `${rest.join('')}data: [DONE]\n\n`]
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        if (pieces.length === 1)
          while (model.isHeld) await new Promise((resolve) => setTimeout(resolve, 1))
        const piece = pieces.shift()
        if (piece === undefined) controller.close()
        else controller.enqueue(new TextEncoder().encode(piece))
      },
    })
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  }
  return model
}

describe('an answer with a piece that is larger than all that is kept', () => {
  it('reaches its client, as JSON', async () => {
    runWorld.upstream = () => whole(large)
    const response = await runWorld.ask({ ...hello, model: 'small' }, { headers: keyed() })
    expect([response.status, (await response.text()).includes(large)]).toEqual([200, true])
  })

  it('reaches its client, and whoever joins, as a stream', async () => {
    const model = streaming(large)
    const headers = keyed()
    const asked = { ...long, model: 'small' }
    const first = await runWorld.ask(asked, { headers })
    const second = await runWorld.ask(asked, { headers })
    model.isHeld = false
    const [text, joined] = await Promise.all([first.text(), second.text()])
    expect([first.status, text.includes(large), text.includes('[DONE]')]).toEqual([200, true, true])
    expect(joined).toBe(text)
    expect(runWorld.outgoing).toHaveLength(1)
  })
})

describe('a job that a route begins in place of an answer', () => {
  const view = async (location: string) => {
    const job = await runWorld.ask(null, { method: 'GET', path: location, tenant: 'free' })
    return (await job.json()) as Record<string, unknown>
  }

  it('runs although the key of its request is claimed, and is what a retry with the key gets', async () => {
    const later = {
      tiers: [['gpt-4.1@us-one']],
      limits: { maxAttempts: 1 },
      degrade: ['deferred'],
    }
    runWorld.start({ ledger: { mode: 'enforce' }, routes: { ...routesFile.routes, later } })
    runWorld.upstream = () =>
      runWorld.outgoing.length === 1 ? new Response('{}', { status: 500 }) : whole('at last')
    const asked = { ...hello, model: 'later' }
    const options = { headers: keyed(), tenant: 'free' }
    const promised = await runWorld.ask(asked, options)
    const location = promised.headers.get('location') ?? ''
    const said = await promised.text()
    expect(Object.fromEntries(promised.headers)).toMatchObject({
      'preference-applied': 'respond-async',
      'x-switchyard-request-id': expect.stringMatching(/^req_[0-9a-f]{32}$/),
      'x-switchyard-config': runWorld.isolate.runtime.version,
      'x-switchyard-attempts': '1',
      'server-timing': expect.stringContaining('policy;dur='),
    })
    await eventually(async () =>
      expect(await view(location)).toMatchObject({
        status: 'completed',
        response: { status: 200 },
      }),
    )
    const again = await runWorld.ask(asked, options)
    expect([again.status, again.headers.get('location'), await again.text()]).toEqual([
      202,
      location,
      said,
    ])
    expect(runWorld.outgoing).toHaveLength(2)
  })
})

it('an answer of an object may be read by a page of another origin', async () => {
  const origin = 'https://app.example'
  runWorld.start({ cors: { origins: [origin] } })
  const response = await runWorld.ask(long, { tenant: 'free', headers: { origin } })
  expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([
    200,
    origin,
  ])
  expect(await response.text()).toContain('[DONE]')
})

it.each(['/v1/nothing', '/v1/models'])(
  'a pinned tenant is told that there is no such endpoint as POST %s, like anybody',
  async (path) => {
    for (const tenant of ['pinned', 'free']) {
      const response = await runWorld.ask({ input: 'x' }, { path, tenant })
      expect([response.status, await response.json()]).toMatchObject([
        404,
        { error: { code: 'invalid_request', message: 'there is no such endpoint' } },
      ])
    }
  },
)

describe('a wish for a job under the key of a request that was answered itself', () => {
  const wishing = (headers: object) => ({ headers: { ...headers, prefer: 'respond-async' } })

  it('is given that answer: there is no job to look for', async () => {
    const headers = keyed()
    const text = await (await runWorld.ask(long, { headers })).text()
    const again = await runWorld.ask(long, wishing(headers))
    expect([again.status, await again.text()]).toEqual([200, text])
    expect(again.headers.get('idempotency-replayed')).toBe('true')
  })

  it('joins it while it runs', async () => {
    const model = streaming('one')
    const headers = keyed()
    const first = await runWorld.ask(long, { headers })
    const second = await runWorld.ask(long, wishing(headers))
    model.isHeld = false
    expect(second.status).toBe(200)
    expect(await second.text()).toBe(await first.text())
  })

  it('is given the job where there is one', async () => {
    const headers = keyed()
    const one = await runWorld.ask(long, wishing(headers))
    const two = await runWorld.ask(long, wishing(headers))
    expect([one.status, two.status]).toEqual([202, 202])
    expect(two.headers.get('location')).toBe(one.headers.get('location'))
  })
})
