import { request } from 'node:http'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startSimulator, type RunningSimulator } from '../support/start-simulator.ts'

let simulator: RunningSimulator

beforeAll(async () => {
  simulator = await startSimulator({ seed: 7 })
})
afterEach(() => simulator.reset())
afterAll(() => simulator.close())

interface Seen {
  status: number | null
  headers: Record<string, unknown>
  chunks: Buffer[]
  text: string
  /** `end`: a clean end; an error code when the connection broke; `timeout` when we gave up waiting. */
  ending: string
}

/** One call with Node's own HTTP client, which tells a broken connection from a clean end. */
function call(
  path: string,
  body: unknown,
  options: { giveUpMs?: number; hangUpAfterChunks?: number; headers?: Record<string, string> } = {},
): Promise<Seen> {
  return new Promise((resolve) => {
    const seen: Seen = { status: null, headers: {}, chunks: [], text: '', ending: 'open' }
    let timer: NodeJS.Timeout | undefined
    const finish = (ending: string) => {
      if (seen.ending !== 'open') return
      clearTimeout(timer)
      seen.ending = ending
      seen.text = Buffer.concat(seen.chunks).toString()
      resolve(seen)
    }
    const outgoing = request(`${simulator.url}${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: 'Bearer secret-key',
        'x-api-key': 'secret-key',
        'x-goog-api-key': 'secret-key',
        'api-key': 'secret-key',
        'anthropic-version': '2023-06-01',
        ...options.headers,
      },
    })
    outgoing.on('response', (response) => {
      seen.status = response.statusCode ?? null
      seen.headers = response.headers
      response.on('data', (chunk: Buffer) => {
        seen.chunks.push(chunk)
        if (seen.chunks.length === options.hangUpAfterChunks) {
          outgoing.socket?.resetAndDestroy()
          finish('we hung up')
        }
      })
      response.on('end', () => finish('end'))
      response.on('error', (error: NodeJS.ErrnoException) => finish(error.code ?? 'error'))
    })
    outgoing.on('error', (error: NodeJS.ErrnoException) => finish(error.code ?? 'error'))
    if (options.giveUpMs !== undefined) {
      timer = setTimeout(() => {
        finish('timeout')
        outgoing.destroy()
      }, options.giveUpMs)
    }
    outgoing.end(typeof body === 'string' ? body : JSON.stringify(body))
  })
}

const messages = [{ role: 'user', content: 'one two three four five six' }]
const contents = [{ role: 'user', parts: [{ text: 'one two three four five six seven eight' }] }]
const converse = { messages: [{ role: 'user', content: [{ text: 'one two three four five' }] }] }

interface WireCase {
  readonly path: string
  readonly body: object
  /** What a stream that has ended well ends in. */
  readonly end: string
  /** What the vendor's in-band error looks like. */
  readonly error: RegExp
}

const streams: Record<string, WireCase> = {
  openai: {
    path: '/openai/chat/completions',
    body: { model: 'gpt-4.1', stream: true, messages, stream_options: { include_usage: true } },
    end: 'data: [DONE]\n\n',
    error: /data: \{"error":\{"message"/,
  },
  'azure-openai': {
    path: '/azure-openai/openai/deployments/d/chat/completions?api-version=2024-10-21',
    body: { stream: true, messages },
    end: 'data: [DONE]\n\n',
    error: /data: \{"error":\{"message"/,
  },
  groq: {
    path: '/groq/chat/completions',
    body: { model: 'm', stream: true, messages },
    end: 'data: [DONE]\n\n',
    error: /event: error\ndata: \{"error"/,
  },
  perplexity: {
    path: '/perplexity/chat/completions',
    body: { model: 'sonar', stream: true, messages },
    end: '"finish_reason":"stop"}]',
    error: /data: \{"error"/,
  },
  openrouter: {
    path: '/openrouter/chat/completions',
    body: { model: 'a/b', stream: true, messages },
    end: 'data: [DONE]\n\n',
    error: /"error":\{"code":503/,
  },
  anthropic: {
    path: '/anthropic/v1/messages',
    body: { model: 'claude', max_tokens: 99, stream: true, messages },
    end: 'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    error: /event: error\ndata: \{"type":"error"/,
  },
  gemini: {
    path: '/gemini/models/gemini-2.5-flash:streamGenerateContent?alt=sse',
    body: { contents },
    end: '"finishReason":"STOP"',
    error: /data: \{"error":\{"code":503/,
  },
  'gemini array': {
    path: '/gemini/models/gemini-2.5-flash:streamGenerateContent',
    body: { contents },
    end: '\r\n]',
    error: /[[,]\s*\{"error":\{"code":503/,
  },
  mistral: {
    path: '/mistral/v1/chat/completions',
    body: { model: 'mistral-small-latest', stream: true, messages },
    end: 'data: [DONE]\n\n',
    error: /data: \{"object":"error"/,
  },
  cohere: {
    path: '/cohere/chat',
    body: { model: 'command-a', stream: true, messages },
    end: 'data: [DONE]\n\n',
    error: /"finish_reason":"ERROR"/,
  },
  bedrock: {
    path: '/bedrock/model/amazon.nova-lite-v1%3A0/converse-stream',
    body: converse,
    end: 'inputTokens',
    error: /:exception-type.*serviceUnavailableException/,
  },
  'workers-ai': {
    path: '/workers-ai/ai/run/@cf/meta/llama-3.3-70b-instruct-fp8-fast',
    body: { stream: true, messages },
    end: 'data: [DONE]\n\n',
    error: /data: \{"success":false/,
  },
  ollama: {
    path: '/ollama/api/chat',
    body: { model: 'llama3', messages },
    end: '"done":true',
    error: /\{"error":"/,
  },
}

const providerOf = (path: string): string => path.split('/')[1] ?? ''

describe.each(Object.entries(streams))(
  'faults of a stream: %s',
  (_name, { path, body, end, error }) => {
    const provider = providerOf(path)

    it('none: ends with the end mark', async () => {
      const seen = await call(path, body)
      expect(seen).toMatchObject({ status: 200, ending: 'end' })
      expect(seen.text).toContain(end)
      expect(seen.text).not.toMatch(error)
    })

    it('truncate ends cleanly and without the end mark', async () => {
      await simulator.fault({ provider, fault: { kind: 'truncate', afterEvents: 2 } })
      const few = await call(path, body)
      expect(few.ending).toBe('end')
      expect(few.text).not.toContain(end)
      await simulator.reset()
      await simulator.fault({ provider, fault: { kind: 'truncate', afterEvents: 9999 } })
      const many = await call(path, body)
      expect(many.text.length).toBeGreaterThan(few.text.length)
      expect(many.text).not.toContain(end)
    })

    it('reset breaks the connection after so many bytes', async () => {
      await simulator.fault({ provider, fault: { kind: 'reset', afterBytes: 30 } })
      const seen = await call(path, body)
      expect(seen).toMatchObject({ status: 200, ending: 'ECONNRESET' })
      expect(Buffer.concat(seen.chunks)).toHaveLength(30)
    })

    it('stall goes silent without an end', async () => {
      await simulator.fault({ provider, fault: { kind: 'stall', afterEvents: 2 } })
      const seen = await call(path, body, { giveUpMs: 300 })
      expect(seen).toMatchObject({ status: 200, ending: 'timeout' })
      expect(seen.chunks.length).toBeGreaterThan(0)
    })

    it('hang never answers', async () => {
      await simulator.fault({ provider, fault: { kind: 'hang' } })
      expect(await call(path, body, { giveUpMs: 300 })).toMatchObject({
        status: null,
        ending: 'timeout',
      })
    })

    it('errorEvent reports the error in the vendor’s form and never ends well', async () => {
      for (const afterEvents of [0, 2, 9999]) {
        await simulator.reset()
        await simulator.fault({ provider, fault: { kind: 'errorEvent', afterEvents } })
        const seen = await call(path, body)
        expect(seen).toMatchObject({ status: 200, ending: 'end' })
        expect(seen.text.replaceAll('\u0000', '')).toMatch(error)
      }
    })

    it('malformed breaks one event in the middle', async () => {
      const whole = await call(path, body)
      await simulator.reset()
      await simulator.fault({ provider, fault: { kind: 'malformed', afterEvents: 1 } })
      const seen = await call(path, body)
      expect(seen.ending).toBe('end')
      expect(Buffer.concat(seen.chunks)).not.toEqual(Buffer.concat(whole.chunks))
    })

    it('noUsage leaves the counts out', async () => {
      const counts =
        /"(prompt_tokens|input_tokens|inputTokens|promptTokenCount|prompt_eval_count)":\d/
      await simulator.fault({ provider, fault: { kind: 'noUsage' } })
      expect((await call(path, body)).text).not.toMatch(counts)
    })

    it('split cuts into pieces of so many bytes and changes none', async () => {
      const whole = await call(path, body)
      await simulator.reset()
      await simulator.fault({ provider, fault: { kind: 'split', bytes: 3 } })
      const seen = await call(path, body)
      expect(seen.text.replace(/"created(_at)?":("[^"]+"|\d+)/g, '')).toBe(
        whole.text.replace(/"created(_at)?":("[^"]+"|\d+)/g, ''),
      )
      expect(Math.max(...seen.chunks.map((chunk) => chunk.length))).toBeLessThanOrEqual(3)
    })

    it('status answers in the vendor’s error form', async () => {
      await simulator.fault({ provider, fault: { kind: 'status', status: 503 } })
      const seen = await call(path, body)
      expect(seen).toMatchObject({ status: 503, ending: 'end' })
      expect(seen.text).toContain('Simulated error with status 503')
    })
  },
)

describe.each([
  ['anthropic', '/anthropic/v1/messages/count_tokens', { model: 'claude', messages }],
  ['gemini', '/gemini/models/gemini-2.5-flash:countTokens', { contents }],
  ['bedrock', '/bedrock/model/m/count-tokens', { input: { converse } }],
])('faults of a count of tokens: %s', (provider, path, body) => {
  const hurt = async (fault: object) => {
    await simulator.fault({ provider, fault, times: 1 })
    const seen = await call(path, body, { giveUpMs: 300 })
    // The next call meets no fault: this one used it up.
    expect(await call(path, body)).toMatchObject({ status: 200, text: whole, ending: 'end' })
    return seen
  }
  let whole = ''
  beforeEach(async () => {
    whole = (await call(path, body)).text
    expect(JSON.parse(whole)).toBeTypeOf('object')
  })

  it('truncate and malformed give JSON that cannot be read', async () => {
    for (const kind of ['truncate', 'malformed']) {
      const seen = await hurt({ kind })
      expect(seen).toMatchObject({ status: 200, ending: 'end' })
      expect(() => JSON.parse(seen.text)).toThrow()
    }
  })

  it('errorEvent is a 200 that carries the error of the vendor', async () => {
    const seen = await hurt({ kind: 'errorEvent' })
    expect(seen.status).toBe(200)
    expect(seen.text).toContain('The simulated provider failed while answering.')
    expect(seen.text).not.toBe(whole)
  })

  it('reset breaks the connection, stall goes silent, hang says nothing', async () => {
    expect(await hurt({ kind: 'reset', afterBytes: 3 })).toMatchObject({
      status: 200,
      ending: 'ECONNRESET',
      text: whole.slice(0, 3),
    })
    expect(await hurt({ kind: 'stall' })).toMatchObject({ status: 200, ending: 'timeout' })
    expect(await hurt({ kind: 'hang' })).toMatchObject({ status: null, ending: 'timeout' })
  })

  it('split changes nothing of it', async () => {
    const seen = await hurt({ kind: 'split', bytes: 2 })
    expect(seen.text).toBe(whole)
    expect(Math.max(...seen.chunks.map((chunk) => chunk.length))).toBeLessThanOrEqual(2)
  })
})

describe('a provider that has a name of its own', () => {
  it('is played as the vendor it is said to be, and steered and logged by its name', async () => {
    const body = { model: 'm', max_tokens: 50, messages }
    const path = '/claude-two~anthropic/v1/messages'
    expect(JSON.parse((await call(path, body)).text)).toMatchObject({ type: 'message' })
    await simulator.fault({ provider: 'anthropic', fault: { kind: 'status', status: 500 } })
    expect((await call(path, body)).status).toBe(200)
    await simulator.fault({ provider: 'claude-two', fault: { kind: 'status', status: 529 } })
    const failed = await call(path, body)
    expect([failed.status, JSON.parse(failed.text)]).toMatchObject([529, { type: 'error' }])
    const seen = await simulator.requests('claude-two')
    expect(seen.map((one) => [one.path, one.status])).toEqual([
      ['/v1/messages', 200],
      ['/v1/messages', 200],
      ['/v1/messages', 529],
    ])
  })

  it('has the ways of that vendor', async () => {
    await simulator.fault({ provider: 'fast', fault: { kind: 'errorEvent', afterEvents: 1 } })
    const seen = await call('/fast~groq/chat/completions', { model: 'm', stream: true, messages })
    expect(seen.text).toMatch(/event: error\ndata: \{"error"/)
  })
})

describe('a schema that no value fits', () => {
  it('is answered, and nothing of our insides is told', async () => {
    const schema = { name: 's', schema: { $ref: '#' } }
    const more = { response_format: { type: 'json_schema', json_schema: schema } }
    const seen = await call('/openai/chat/completions', { model: 'gpt-4.1', messages, ...more })
    expect(seen.status).toBe(200)
    expect(seen.text).not.toMatch(/RangeError|at sample/)
  })
})

describe('faults of an answer that is not streamed', () => {
  const path = '/openai/chat/completions'
  const body = { model: 'gpt-4.1', messages }

  it('truncate and malformed give JSON that cannot be read', async () => {
    for (const kind of ['truncate', 'malformed']) {
      await simulator.reset()
      await simulator.fault({ provider: 'openai', fault: { kind } })
      const seen = await call(path, body)
      expect(seen).toMatchObject({ status: 200, ending: 'end' })
      expect(() => JSON.parse(seen.text)).toThrow()
    }
  })

  it('errorEvent is a 200 that carries an error', async () => {
    await simulator.fault({ provider: 'openai', fault: { kind: 'errorEvent' } })
    const seen = await call(path, body)
    expect(seen.status).toBe(200)
    expect(JSON.parse(seen.text)).toHaveProperty('error.message')
  })

  it('reset breaks the connection in the middle of the body', async () => {
    await simulator.fault({ provider: 'openai', fault: { kind: 'reset', afterBytes: 10 } })
    const seen = await call(path, body)
    expect(seen).toMatchObject({ status: 200, ending: 'ECONNRESET' })
    expect(seen.text).toHaveLength(10)
  })

  it('noUsage leaves usage out', async () => {
    await simulator.fault({ provider: 'openai', fault: { kind: 'noUsage' } })
    expect(JSON.parse((await call(path, body)).text)).not.toHaveProperty('usage')
  })

  it('latency holds the first byte back', async () => {
    await simulator.fault({ provider: 'openai', fault: { kind: 'latency', firstByteMs: 150 } })
    const startMs = performance.now()
    await call(path, body)
    expect(performance.now() - startMs).toBeGreaterThan(140)
  })
})

describe('control', () => {
  const path = '/openai/chat/completions'
  const body = { model: 'gpt-4.1', messages }

  it('hits exactly `times` calls, however many run at once', async () => {
    const fault = { kind: 'status', status: 500 }
    await simulator.fault({ provider: 'openai', fault, times: 7 })
    const seen = await Promise.all(Array.from({ length: 30 }, () => call(path, body)))
    expect(seen.filter((one) => one.status === 500)).toHaveLength(7)
  })

  it('hits two calls in a row with two rules in a row', async () => {
    for (const status of [429, 500]) {
      await simulator.fault({ provider: 'openai', fault: { kind: 'status', status }, times: 1 })
    }
    const statuses = []
    for (let at = 0; at < 3; at += 1) statuses.push((await call(path, body)).status)
    expect(statuses).toEqual([429, 500, 200])
  })

  it('hits a share of the calls, the same ones for the same seed', async () => {
    const round = async () => {
      await simulator.reset()
      await simulator.fault({
        provider: 'openai',
        fault: { kind: 'status', status: 500 },
        probability: 0.5,
      })
      const statuses = []
      for (let at = 0; at < 20; at += 1) statuses.push((await call(path, body)).status)
      return statuses
    }
    const first = await round()
    expect(new Set(first)).toEqual(new Set([200, 500]))
    expect(await round()).toEqual(first)
  })

  it('hits one model only, until deleted', async () => {
    const id = await simulator.fault({
      provider: 'openai',
      model: 'bad',
      fault: { kind: 'status', status: 500 },
    })
    expect((await call(path, body)).status).toBe(200)
    expect((await call(path, { ...body, model: 'bad' })).status).toBe(500)
    const gone = await fetch(`${simulator.url}/__control/faults/${id}`, { method: 'DELETE' })
    expect(await gone.json()).toEqual({ removed: 1 })
    expect((await call(path, { ...body, model: 'bad' })).status).toBe(200)
  })

  it('ends after forMs', async () => {
    await simulator.fault({
      provider: 'openai',
      fault: { kind: 'status', status: 500 },
      forMs: 100,
    })
    expect((await call(path, body)).status).toBe(500)
    await expect.poll(async () => (await call(path, body)).status).toBe(200)
  })

  it('lets a status fault bring its own body and headers', async () => {
    const fault = {
      kind: 'status',
      status: 529,
      headers: { 'Retry-After': '3' },
      body: { own: true },
    }
    await simulator.fault({ provider: 'openai', fault })
    const seen = await call(path, body)
    expect(seen).toMatchObject({ status: 529, text: '{"own":true}' })
    expect(seen.headers['retry-after']).toBe('3')
  })

  it.each([
    [{ provider: 'openai', fault: { kind: 'explode' } }, 'fault.kind'],
    [{ fault: { kind: 'hang' } }, 'provider'],
    [{ provider: 'openai', fault: { kind: 'hang' }, times: 0 }, 'times'],
    [{ provider: 'openai', fault: { kind: 'hang' }, probability: 2 }, 'probability'],
    [{ provider: 'openai', fault: { kind: 'reset', afterBytes: -1 } }, 'fault.afterBytes'],
    [{ provider: 'openai', fault: { kind: 'split', size: 1 } }, 'fault.size'],
  ])('refuses %j and names %s', async (rule, field) => {
    const answer = await fetch(`${simulator.url}/__control/faults`, {
      method: 'POST',
      body: JSON.stringify(rule),
    })
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ field })
  })

  it('replays exactly the given bytes in the given chunks, until deleted', async () => {
    const bytes = Buffer.from([0, 255, 10, 13, 128, 1, 2, 3])
    const id = await simulator.replay({
      provider: 'openai',
      status: 207,
      headers: { 'content-type': 'application/x-test', 'content-length': '999' },
      bodyBase64: bytes.toString('base64'),
      chunks: [1, 2],
      chunkDelayMs: 5,
    })
    for (let at = 0; at < 2; at += 1) {
      const seen = await call(path, 'anything')
      expect(seen).toMatchObject({ status: 207, ending: 'end' })
      expect(seen.headers['content-type']).toBe('application/x-test')
      expect(Buffer.concat(seen.chunks)).toEqual(bytes)
      expect(seen.chunks.map((chunk) => chunk.length)).toEqual([1, 2, 5])
    }
    await fetch(`${simulator.url}/__control/replay/${id}`, { method: 'DELETE' })
    expect((await call(path, body)).status).toBe(200)
  })

  it('tells what reached the providers, with credentials as digests only', async () => {
    await call(path, body)
    await call('/gemini/models/g:generateContent?key=secret-key', { contents })
    const seen = await simulator.requests()
    expect(JSON.stringify(seen)).not.toContain('secret-key')
    expect(seen[0]).toMatchObject({
      provider: 'openai',
      method: 'POST',
      path: '/chat/completions',
      body,
      status: 200,
      aborted: false,
      done: true,
    })
    expect(seen[0]?.headers['authorization']).toMatch(/^sha256:[0-9a-f]{64}$/)
    expect(seen[0]?.bytesSent).toBeGreaterThan(100)
    expect(await simulator.requests('gemini')).toHaveLength(1)
    const since = await fetch(`${simulator.url}/__control/requests?since=${Date.now() + 60_000}`)
    expect(await since.json()).toEqual({ requests: [] })
  })

  it('bills nothing for an error and what the usage says for an answer', async () => {
    await simulator.fault({ provider: 'openai', fault: { kind: 'status', status: 500 }, times: 1 })
    await call(path, body)
    const { usage } = JSON.parse((await call(path, body)).text) as {
      usage: { prompt_tokens: number; completion_tokens: number }
    }
    const [failed, answered] = await simulator.requests('openai')
    expect(failed?.billed).toEqual({ input: 0, output: 0, cacheRead: 0, cacheWrite: 0 })
    expect(answered?.billed).toMatchObject({
      input: usage.prompt_tokens,
      output: usage.completion_tokens,
    })
  })

  it.each(Object.keys(streams))('bills a whole stream of %s as its usage says', async (name) => {
    const { path: streamPath, body: streamBody } = streams[name] as WireCase
    const { text } = await call(streamPath, streamBody)
    const outputs = [
      ...text.matchAll(
        /"(?:completion_tokens|output_tokens|outputTokens|candidatesTokenCount|eval_count)":(\d+)/g,
      ),
    ]
    const [seen] = await simulator.requests()
    expect(seen?.billed.output).toBeGreaterThan(3)
    if (outputs.length > 0) expect(Number(outputs.at(-1)?.[1])).toBe(seen?.billed.output)
  })

  it('knows that the caller hung up, after how many bytes and tokens', async () => {
    await simulator.pace(0, 20)
    const long = { ...body, stream: true, messages: [{ role: 'user', content: '[[tokens:500]]' }] }
    await call(path, long, { hangUpAfterChunks: 5 })
    const seen = await simulator.waitForRequest((one) => one.aborted)
    expect(seen.bytesSent).toBeGreaterThan(500)
    expect(seen.billed.output).toBeGreaterThan(2)
    expect(seen.billed.output).toBeLessThan(50)
  })

  it('gives its pace and forgets everything at reset', async () => {
    await simulator.pace(50, 1)
    await call(path, body)
    await simulator.fault({ provider: 'openai', fault: { kind: 'hang' } })
    const overview = async () => (await fetch(`${simulator.url}/__control`)).json()
    expect(await overview()).toMatchObject({
      seed: 7,
      pace: { firstByteMs: 50, perChunkMs: 1 },
      requests: 1,
    })
    await simulator.reset()
    expect(await overview()).toMatchObject({
      pace: { firstByteMs: 0, perChunkMs: 0 },
      faults: [],
      requests: 0,
    })
  })
})
