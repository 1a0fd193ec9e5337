import {
  abortAllDurableObjects,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
} from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { signature } from '../../durable-objects/provider-health/webhook.ts'
import { runObjectName } from '../../durable-objects/run/place.ts'
import { type RunContext, writeContext } from '../../durable-objects/run/protocol.ts'
import { isolateInside } from '../../worker/edge/run/inside.ts'
import { RunPorts } from '../../worker/edge/run/run-ports.ts'
import { eventually } from '../support/eventually.ts'
import { runWorld, simulatorUrl } from './run-world.ts'

const hello = { model: 'chat', messages: [{ role: 'user', content: 'Hello' }] }
const long = { ...hello, model: 'long', stream: true }

beforeEach(() => {
  runWorld.start()
  vi.stubGlobal('fetch', runWorld.fetch)
})

afterEach(() => {
  vi.unstubAllGlobals()
})

/**
 * A provider that says one word whenever a test asks for it. Its stream belongs to the object that called, and takes
 * plain text from the test: no context may touch what another one's stream is made of.
 */
class SlowModel {
  calls = 0
  cancelled = false
  readonly #said: string[] = []
  #isOver = false

  constructor() {
    runWorld.upstream = () => {
      this.calls += 1
      const body = new ReadableStream<Uint8Array>({
        pull: async (controller) => {
          for (;;) {
            const text = this.#said.shift()
            if (text !== undefined) return controller.enqueue(new TextEncoder().encode(text))
            if (this.#isOver) return controller.close()
            await new Promise((resolve) => setTimeout(resolve, 1))
          }
        },
        cancel: () => {
          this.cancelled = true
        },
      })
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
    }
  }

  say(text: string): void {
    this.#write({ choices: [{ index: 0, delta: { role: 'assistant', content: text } }] })
  }

  stop(): void {
    this.#write({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })
    const usage = { prompt_tokens: 7, completion_tokens: 5, total_tokens: 12 }
    this.#write({ choices: [], usage })
    this.#said.push('data: [DONE]\n\n')
    this.#isOver = true
  }

  #write(more: object): void {
    const event = {
      id: 'c',
      object: 'chat.completion.chunk',
      created: 1,
      model: 'gpt-4.1',
      ...more,
    }
    this.#said.push(`data: ${JSON.stringify(event)}\n\n`)
  }
}

class Reader {
  text = ''
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>

  constructor({ body }: Response) {
    this.#reader = (body as ReadableStream<Uint8Array>).getReader()
  }

  async until(word: string): Promise<string> {
    while (!this.text.includes(word)) {
      const { done, value } = await this.#reader.read()
      if (done) throw new Error(`it ended without "${word}": ${this.text}`)
      this.text += new TextDecoder().decode(value)
    }
    return this.text
  }

  async rest(): Promise<string> {
    for (;;) {
      const { done, value } = await this.#reader.read()
      if (done) return this.text
      this.text += new TextDecoder().decode(value)
    }
  }

  leave(): Promise<void> {
    return this.#reader.cancel()
  }
}

const errorCode = async (response: Response) => {
  const { error } = (await response.json()) as { error: { code: string; param: string | null } }
  return [response.status, error.code, error.param]
}

const lastId = (text: string) => [...text.matchAll(/^id: (\S+)$/gm)].at(-1)?.[1] ?? ''

const namespace = env.RUN as unknown as DurableObjectNamespace

/** The object of a run, as a test looks into it. Locally a jurisdiction stands in the name. */
function objectOf(tenant: string, runId: string, residency: string | null = 'eu') {
  const name = runObjectName(tenant, runId)
  return namespace.get(
    namespace.idFromName(residency === null ? name : `stand-in-${residency}:${name}`),
  )
}

describe('a pinned tenant', () => {
  it('is answered from inside of its region, from an object in its jurisdiction', async () => {
    const response = await runWorld.ask(hello)
    expect([response.status, await response.text()]).toEqual([
      200,
      expect.stringContaining('chat.completion'),
    ])
    expect(response.headers.get('x-switchyard-provider')).toBe('eu-one')
    expect(response.headers.get('x-switchyard-region')).toBe('eu')
    expect(runWorld.outgoing.map(({ url }) => new URL(url).pathname)).toEqual([
      '/eu-one~openai/chat/completions',
    ])
    expect(runWorld.runs).toEqual([expect.stringMatching(/^RUN stand-in-eu:[0-9a-f]{64}$/)])
    expect(runWorld.names.filter((name) => !name.includes(' stand-in-eu:'))).toEqual([])
  })

  it('is told 451 when no target of a route is inside of its region alone', async () => {
    const response = await runWorld.ask({ ...hello, model: 'abroad' })
    expect(await errorCode(response)).toEqual([451, 'region_unavailable', 'model'])
    expect(runWorld.outgoing).toEqual([])
  })

  it.each(['gpt-4.1@us-one', 'gpt-4.1@both', 'gpt-4.1@mute'])(
    'is not answered by %s, and not when it names it',
    async (model) => {
      const response = await runWorld.ask({ ...hello, model })
      expect(await errorCode(response)).toEqual([451, 'region_unavailable', 'model'])
    },
  )

  it('cannot be widened by what a caller prefers', async () => {
    const provider = { only: ['us-one'], order: ['us-one'] }
    const response = await runWorld.ask({ ...hello, provider })
    expect(response.status).toBe(400)
    await response.text()
    expect(runWorld.outgoing).toEqual([])
  })

  it('is answered though its body cannot be read at the edge', async () => {
    const body = new ReadableStream(
      {
        pull: () => {
          throw new Error('the edge has read it')
        },
      },
      { highWaterMark: 0 },
    )
    let sent: Request | null = null
    const seen = vi.spyOn(runWorld, 'bindings').mockReturnValue({
      SWITCHYARD_LOCAL: '1',
      RUN: {
        idFromName: (name: string) => name,
        get: () => ({
          fetch: async (request: Request) => {
            sent = request
            return new Response('answered', { headers: { 'x-switchyard-region': 'eu' } })
          },
        }),
      },
    })
    const response = await runWorld.ask(null, { raw: body })
    expect(await response.text()).toBe('answered')
    expect(sent!.bodyUsed).toBe(false)
    expect(sent!.headers.get('authorization')).toBeNull()
    expect(new URL(sent!.url).search).toBe('')
    seen.mockRestore()
  })

  it.each([
    ['/v1/messages', { model: 'chat', max_tokens: 5, messages: hello.messages }],
    ['/v1/messages/count_tokens', { model: 'chat', messages: hello.messages }],
    ['/v1/explain', hello],
  ])('has every other body read inside, too: %s', async (path, body) => {
    const response = await runWorld.ask(body, { path })
    expect([response.status, await response.text()]).toEqual([
      200,
      expect.not.stringContaining('us-one@'),
    ])
    expect(runWorld.runs).toEqual([expect.stringMatching(/^RUN stand-in-eu:/)])
  })

  it('has no other endpoint that would read a body', async () => {
    const response = await runWorld.ask({ input: 'x' }, { path: '/v1/embeddings' })
    expect(await errorCode(response)).toEqual([501, 'not_implemented', null])
    expect(runWorld.runs).toEqual([expect.stringMatching(/^RUN stand-in-eu:/)])
  })

  it('is refused where its jurisdiction cannot be had, and goes nowhere else', async () => {
    const asked: string[] = []
    const seen = vi.spyOn(runWorld, 'bindings').mockReturnValue({
      RUN: {
        jurisdiction: (where: string) => {
          asked.push(where)
          throw new Error('Jurisdiction restrictions are not implemented in workerd.')
        },
        idFromName: () => {
          throw new Error('the plain namespace was asked')
        },
      },
    })
    const response = await runWorld.ask(hello)
    expect(await errorCode(response)).toEqual([503, 'no_healthy_target', null])
    expect(asked).toEqual(['eu'])
    seen.mockRestore()
  })

  it('in strict mode is refused from a data centre elsewhere, for any call and before anything is read', async () => {
    const abroad = { tenant: 'strict', cf: { colo: 'IAD', country: 'DE', continent: 'EU' } }
    expect(await errorCode(await runWorld.ask(hello, abroad))).toEqual([
      451,
      'region_unavailable',
      null,
    ])
    const models = await runWorld.ask(null, { ...abroad, method: 'GET', path: '/v1/models' })
    expect(models.status).toBe(451)
    expect(runWorld.names).toEqual([])
    const inside = await runWorld.ask(hello, { tenant: 'strict' })
    expect([inside.status, (await inside.text()).length > 0]).toEqual([200, true])
    const unknown = await runWorld.ask(hello, { tenant: 'strict', cf: {} })
    expect(unknown.status).toBe(451)
  })

  it('has no word of its own in the log, not in the name of a model either', async () => {
    const lines: string[] = []
    vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line))
    for (const model of ['chat', 'secret-project', 'gpt-4.1'])
      await (await runWorld.ask({ ...hello, model })).text()
    vi.restoreAllMocks()
    const models = lines.flatMap((line) => {
      const { event, ...fields } = JSON.parse(line) as Record<string, unknown>
      return event === 'request' ? [fields['gen_ai.request.model']] : []
    })
    expect(models).toEqual(['chat', null, 'gpt-4.1'])
    expect(lines.join('')).not.toMatch(/secret-project|Hello/)
  })

  it('has its calls stopped at the last door, too, whoever asks for them', async () => {
    const wishes = { planned: vi.fn(), recorded: vi.fn(), waitUntil: vi.fn() }
    const hosted = {
      caller: { tenant: 'pinned', keyId: 'k', profile: null },
      colo: null,
      place: null,
    }
    const inside = isolateInside(runWorld.isolate, 'eu')
    const request = new Request('https://run.invalid/v1/chat/completions')
    const ports = new RunPorts(request, runWorld.bindings(), hosted, inside, wishes, false)
    // A signal of the runtime cannot be called off, and would keep the object in memory behind its request.
    expect(ports.expiry()).toBeNull()
    for (const id of ['us-one~openai', 'both~openai', 'mute~openai', 'elsewhere'])
      await expect(ports.fetch(`${simulatorUrl}/${id}/chat`, {})).rejects.toThrow('outside')
    await expect(
      ports.runBinding('AI', 'm', {}, false, new AbortController().signal),
    ).rejects.toThrow('outside')
    expect(runWorld.outgoing).toEqual([])
    await ports.fetch(`${simulatorUrl}/eu-one~openai/chat/completions`, {
      method: 'POST',
      body: '{}',
    })
    expect(runWorld.outgoing).toHaveLength(1)
  })

  it.each([
    ['of another jurisdiction', { residency: 'us' }],
    ['of none', { residency: null }],
    ['of another tenant', { tenant: 'american' }],
  ])('has an object that reads nothing of a request %s', async (_case, change) => {
    const runId = `req_${crypto.randomUUID().replaceAll('-', '')}`
    const context: RunContext = {
      mode: 'serve',
      runId,
      tenant: 'pinned',
      requestId: runId,
      residency: 'eu',
      isOnce: false,
      after: 0,
      hosted: null,
      ...change,
    }
    const why = await runInDurableObject(objectOf('pinned', runId), async (object) => {
      const request = new Request('https://run.invalid/v1/chat/completions', {
        method: 'POST',
        headers: { 'x-switchyard-run-context': writeContext(context) },
        body: JSON.stringify(hello),
      })
      try {
        await (object as unknown as { fetch(request: Request): Promise<Response> }).fetch(request)
        return 'answered'
      } catch (fault) {
        return `${String(fault)} ${request.bodyUsed}`
      }
    })
    expect(why).toMatch(/object (outside of its jurisdiction|of another) false$/)
  })

  it('leaves the others where they are', async () => {
    const response = await runWorld.ask(hello, { tenant: 'free' })
    expect(response.headers.get('x-switchyard-provider')).toBe('us-one')
    await response.text()
    expect(runWorld.runs).toEqual([])
    expect(runWorld.names.filter((name) => name.includes('stand-in'))).toEqual([])
  })
})

describe('a resumable stream', () => {
  it('gives every event an id, and an answer that is otherwise the same', async () => {
    const response = await runWorld.ask(long)
    const text = await response.text()
    const events = text.split('\n\n').filter((event) => event.startsWith('data:'))
    expect(events.length).toBeGreaterThan(2)
    const runId = response.headers.get('x-switchyard-request-id')
    expect(events.map((event) => event.split('\n').at(-1))).toEqual(
      events.map((_, index) => `id: ${runId}.${index + 1}`),
    )
    expect(text).toContain('data: [DONE]')
  })

  it('goes on when its client has left, and gives the rest to whoever comes back', async () => {
    const model = new SlowModel()
    model.say('one ')
    const first = new Reader(await runWorld.ask(long))
    const seen = await first.until('one ')
    await first.leave()
    model.say('two ')
    const again = new Reader(
      await runWorld.ask(long, { headers: { 'last-event-id': lastId(seen) } }),
    )
    model.say('three')
    model.stop()
    const rest = await again.rest()
    expect(rest).not.toContain('one ')
    expect(rest).toMatch(/two [\s\S]*three[\s\S]*\[DONE\]/)
    expect(model.calls).toBe(1)
  })

  it('is there after its end, too, and after its object was evicted; sealed', async () => {
    const response = await runWorld.ask(long)
    const runId = response.headers.get('x-switchyard-request-id') ?? ''
    const whole = await response.text()
    await eventually(async () => expect(await tablesOf('pinned', runId)).not.toEqual([]))
    const stored = await runInDurableObject(objectOf('pinned', runId), (_object, state) => [
      ...state.storage.sql.exec('SELECT head AS bytes FROM run UNION ALL SELECT body FROM blocks'),
    ])
    for (const { bytes } of stored)
      expect(new TextDecoder().decode(bytes as ArrayBuffer)).not.toMatch(/data|gpt|Hello|status/)
    await evictDurableObject(objectOf('pinned', runId))
    const again = await runWorld.ask(long, { headers: { 'last-event-id': `${runId}.0` } })
    expect(await again.text()).toBe(whole)
    expect(runWorld.outgoing).toHaveLength(1)
  })

  it('is forgotten when its time is over', async () => {
    const response = await runWorld.ask(long)
    const runId = response.headers.get('x-switchyard-request-id') ?? ''
    await response.text()
    await eventually(async () => expect(await tablesOf('pinned', runId)).not.toEqual([]))
    runWorld.aheadMs = 3_600_001
    expect(await errorCode(await attach(`${runId}.0`))).toEqual([404, 'invalid_request', 'id'])
    await runDurableObjectAlarm(objectOf('pinned', runId))
    expect(await tablesOf('pinned', runId)).toEqual([])
  })

  it('is nobody else’s', async () => {
    const response = await runWorld.ask(long)
    const runId = response.headers.get('x-switchyard-request-id') ?? ''
    await response.text()
    for (const tenant of ['american', 'free', 'strict']) {
      const stolen = await runWorld.ask(long, {
        tenant,
        headers: { 'last-event-id': `${runId}.0` },
      })
      expect(await errorCode(stolen)).toEqual([404, 'invalid_request', 'id'])
    }
  })

  it.each(['nonsense', 'req_1.1', `req_${'a'.repeat(32)}.x`])(
    'refuses an id that is none: %s',
    async (id) => {
      expect(await errorCode(await attach(id))).toEqual([400, 'invalid_request', 'last-event-id'])
    },
  )

  it('keeps nothing of a tenant that forbids it: its upstream ends with its client', async () => {
    const model = new SlowModel()
    model.say('one ')
    const reader = new Reader(await runWorld.ask(long, { tenant: 'forgetful' }))
    expect(await reader.until('one ')).not.toContain('id: ')
    await reader.leave()
    await eventually(() => {
      // Here a client's leaving shows in the next write only.
      model.say('more ')
      expect(model.cancelled).toBe(true)
    })
  })

  it('is sent whole and not kept when it is too large', async () => {
    const model = new SlowModel()
    model.say('go ')
    const reader = new Reader(await runWorld.ask({ ...long, model: 'small' }))
    const word = 'x'.repeat(5000)
    for (let count = 0; count < 8; count++) {
      model.say(`${word}${count} `)
      await reader.until(`${count} `)
    }
    model.stop()
    const text = await reader.rest()
    expect(text).toContain('[DONE]')
    const gone = await attach(`${lastId(text).split('.')[0]}.0`)
    expect([404, 409]).toContain(gone.status)
  })

  it('of a tenant that is not pinned is handed to an object, too; nothing else of it is', async () => {
    const response = await runWorld.ask(long, { tenant: 'free' })
    expect(await response.text()).toMatch(/id: req_[0-9a-f]{32}\.1\n/)
    expect(runWorld.runs).toEqual([expect.stringMatching(/^RUN [0-9a-f]{64}$/)])
    runWorld.names.length = 0
    const whole = await runWorld.ask({ ...long, stream: false }, { tenant: 'free' })
    await whole.text()
    expect(runWorld.runs).toEqual([])
  })
})

describe('a retry with the same idempotency key', () => {
  let once = { headers: { 'idempotency-key': '' } }

  beforeEach(() => {
    once = { headers: { 'idempotency-key': crypto.randomUUID() } }
  })

  it('joins the live stream: the first client is gone in mid-stream, the second gets identical bytes', async () => {
    const model = new SlowModel()
    model.say('one ')
    const first = new Reader(await runWorld.ask(long, once))
    const seen = await first.until('one ')
    const second = await runWorld.ask(long, once)
    expect(second.headers.get('idempotency-replayed')).toBe('true')
    await first.leave()
    const reader = new Reader(second)
    model.say('two ')
    model.stop()
    const whole = await reader.rest()
    expect(whole.startsWith(seen)).toBe(true)
    expect(model.calls).toBe(1)
    const third = await runWorld.ask(long, once)
    expect(await third.text()).toBe(whole)
    expect(model.calls).toBe(1)
  })

  it('joins from another isolate, and before the first token', async () => {
    const model = new SlowModel()
    const both = [runWorld.ask(long, once)]
    const { isolate } = runWorld
    runWorld.isolate = { ...isolate }
    both.push(runWorld.ask(long, once))
    model.say('one ')
    model.stop()
    const [a = '', b = ''] = await Promise.all(both.map(async (one) => (await one).text()))
    expect(a).toBe(b)
    expect(a).toContain('one ')
    expect(model.calls).toBe(1)
  })

  it('is given an unstreamed answer as well', async () => {
    const body = { ...long, stream: false }
    const [a, b] = await Promise.all([runWorld.ask(body, once), runWorld.ask(body, once)])
    expect(await a?.text()).toBe(await b?.text())
    expect(runWorld.outgoing).toHaveLength(1)
  })

  it('is refused with another body', async () => {
    await (await runWorld.ask(long, once)).text()
    const other = await runWorld.ask({ ...long, max_tokens: 3 }, once)
    expect(await errorCode(other)).toEqual([409, 'idempotency_conflict', null])
  })

  it('runs again when the first came to nothing', async () => {
    runWorld.upstream = () => new Response('{"error":{"message":"no"}}', { status: 500 })
    const failed = await runWorld.ask(long, once)
    expect(failed.status).toBe(502)
    await failed.text()
    runWorld.upstream = null
    expect(await (await runWorld.ask(long, once)).text()).toContain('[DONE]')
  })
})

describe('a job', () => {
  const later = { headers: { prefer: 'respond-async' } }

  const view = async (location: string, tenant = 'pinned') => {
    const response = await runWorld.ask(null, { method: 'GET', path: location, tenant })
    return { status: response.status, body: (await response.json()) as Record<string, never> }
  }

  it('is promised, runs by itself, and is fetched', async () => {
    const model = new SlowModel()
    const promised = await runWorld.ask({ ...long, stream: true }, later)
    expect([promised.status, promised.headers.get('preference-applied')]).toEqual([
      202,
      'respond-async',
    ])
    const location = promised.headers.get('location') ?? ''
    expect(await promised.json()).toMatchObject({ object: 'job', status: 'running' })
    expect(await view(location)).toMatchObject({ status: 200, body: { status: 'running' } })
    model.say('one ')
    model.stop()
    await eventually(async () =>
      expect(await view(location)).toMatchObject({
        body: {
          status: 'completed',
          response: { status: 200, body: expect.stringContaining('one ') },
          request: { usage: { input_tokens: 7, output_tokens: 5 }, provider: 'eu-one' },
        },
      }),
    )
    expect((await view(location, 'strict')).status).toBe(404)
  })

  it('answers JSON as JSON', async () => {
    const promised = await runWorld.ask(hello, { ...later, tenant: 'free' })
    const location = promised.headers.get('location') ?? ''
    await promised.text()
    await eventually(async () =>
      expect(await view(location, 'free')).toMatchObject({
        body: { status: 'completed', response: { body: { object: 'chat.completion' } } },
      }),
    )
    expect(runWorld.runs.every((name) => /^RUN [0-9a-f]{64}$/.test(name))).toBe(true)
  })

  it('is refused at once when it is wrong', async () => {
    expect(await errorCode(await runWorld.ask({ model: 'chat' }, later))).toEqual([
      400,
      'invalid_request',
      'messages',
    ])
    expect((await runWorld.ask({ ...hello, model: 'abroad' }, later)).status).toBe(451)
  })

  it('is told to have failed, with the error', async () => {
    runWorld.upstream = () => new Response('{"error":{"message":"no"}}', { status: 500 })
    const promised = await runWorld.ask(hello, later)
    const location = promised.headers.get('location') ?? ''
    await promised.text()
    await eventually(async () =>
      expect(await view(location)).toMatchObject({
        body: {
          status: 'failed',
          response: { status: 502, body: { error: { code: 'upstream_error' } } },
        },
      }),
    )
  })

  it('that its object lost is told to be lost, and is not run again', async () => {
    const model = new SlowModel()
    const promised = await runWorld.ask(long, later)
    const location = promised.headers.get('location') ?? ''
    const runId = location.split('/').at(-1) ?? ''
    await promised.text()
    model.say('one ')
    await abortAllDurableObjects()
    await runDurableObjectAlarm(objectOf('pinned', runId))
    expect(await view(location)).toMatchObject({
      body: { status: 'failed', error: { code: 'upstream_interrupted' } },
    })
    expect(model.calls).toBe(1)
    expect(runWorld.log.map(({ event }) => event)).toContain('run_lost')
  })

  it('tells a webhook its end and nothing of its content, signed, and again until it is taken', async () => {
    const told: { url: string; body: string; headers: Headers }[] = []
    let status = 500
    const plainFetch = fetch
    // From the beginning: the object's own alarm may ring at any moment once the job has ended.
    vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
      if (!String(url).startsWith('https://hooks.example/')) return plainFetch(url, init)
      told.push({ url, body: String(init.body), headers: new Headers(init.headers) })
      return new Response(null, { status })
    })
    const promised = await runWorld.ask({ ...hello, model: 'told' }, later)
    const location = promised.headers.get('location') ?? ''
    const runId = location.split('/').at(-1) ?? ''
    await promised.text()
    await eventually(async () =>
      expect(await view(location)).toMatchObject({ body: { status: 'completed' } }),
    )
    // The object's own alarm may be at it by now: then ringing it does nothing, and it has yet to call.
    await eventually(async () => {
      await runDurableObjectAlarm(objectOf('pinned', runId))
      expect(told.length).toBeGreaterThan(0)
    })
    const refused = told.length
    status = 204
    let minutes = 0
    const ringLater = async () => {
      minutes += 1
      runWorld.aheadMs = minutes * 60_000
      await runDurableObjectAlarm(objectOf('pinned', runId))
    }
    await eventually(async () => {
      await ringLater()
      expect(told.length).toBeGreaterThan(refused)
    })
    for (let again = 1; again <= 3; again += 1) await ringLater()
    // It was taken once, and is not told again.
    expect(told.map(({ url }) => url)).toEqual(
      Array(refused + 1).fill('https://hooks.example/jobs'),
    )
    const last = told.at(-1)
    const body = last?.body ?? ''
    expect(JSON.parse(body)).toEqual({
      type: 'job.completed',
      timestamp: expect.any(String),
      data: { id: runId, status: 'completed', location },
    })
    const stamp = last?.headers.get('webhook-timestamp')
    expect(last?.headers.get('webhook-signature')).toBe(
      await signature('whsec_c2VjcmV0', `${runId}.${stamp}.${body}`),
    )
  })

  it('is not promised to a tenant that lets nothing be kept: it is answered at once, and told so', async () => {
    const response = await runWorld.ask(hello, { ...later, tenant: 'forgetful' })
    expect(response.status).toBe(200)
    await response.text()
  })

  it('can be read as events from its beginning', async () => {
    const promised = await runWorld.ask(long, later)
    const location = promised.headers.get('location') ?? ''
    await promised.text()
    const events = await runWorld.ask(null, {
      method: 'GET',
      path: location,
      headers: { accept: 'text/event-stream' },
    })
    expect(await events.text()).toContain('[DONE]')
  })
})

it('knows the final usage although the client has left', async () => {
  const model = new SlowModel()
  model.say('one ')
  const response = await runWorld.ask(long)
  const id = response.headers.get('x-switchyard-request-id') ?? ''
  const reader = new Reader(response)
  await reader.until('one ')
  await reader.leave()
  model.say('two ')
  model.stop()
  await eventually(async () => {
    const known = await runWorld.ask(null, { method: 'GET', path: `/v1/requests/${id}` })
    expect(await known.json()).toMatchObject({
      id,
      ending: 'finished',
      usage: { input_tokens: 7, output_tokens: 5 },
    })
  })
})

function attach(eventId: string) {
  return runWorld.ask(long, { headers: { 'last-event-id': eventId } })
}

function tablesOf(tenant: string, runId: string) {
  return runInDurableObject(objectOf(tenant, runId), (_object, state) =>
    state.storage.sql
      .exec("SELECT name FROM sqlite_master WHERE name IN ('run', 'blocks')")
      .toArray(),
  )
}
