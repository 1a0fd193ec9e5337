import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { runWorld } from './run-world.ts'

/** The edge is handed a body that throws when anybody reads it there, and the real object behind it still answers. */

const hello = { model: 'chat', messages: [{ role: 'user', content: 'a word for the EU alone' }] }

beforeEach(() => {
  runWorld.start()
  vi.stubGlobal('fetch', runWorld.fetch)
})

afterEach(() => vi.unstubAllGlobals())

const readsOfRequest = [
  'text',
  'json',
  'arrayBuffer',
  'bytes',
  'blob',
  'formData',
  'clone',
] as const
const readsOfStream = ['getReader', 'tee', 'pipeTo', 'pipeThrough', 'values'] as const

interface Unread {
  readonly request: Request
  /** What was read of it at the edge. */
  readonly reads: string[]
  /** Objects that had been asked when the first bytes were fetched; null: nobody fetched any. */
  askedBefore: number | null
}

/** The runtime hands a stream on without these methods; whoever reads it in this isolate needs one of them. */
function unreadable(text: string, tenant: string, path: string): Unread {
  const pieces = [text.slice(0, 20), text.slice(20)]
  const body = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        unread.askedBefore ??= runWorld.runs.length
        const piece = pieces.shift()
        if (piece === undefined) controller.close()
        else controller.enqueue(new TextEncoder().encode(piece))
      },
    },
    { highWaterMark: 0 },
  )
  const request = runWorld.request(null, { raw: body, tenant, path })
  const unread: Unread = { request, reads: [], askedBefore: null }
  const forbid = (of: object, name: PropertyKey) =>
    Object.defineProperty(of, name, {
      value: () => {
        unread.reads.push(String(name))
        throw new Error('the edge has read it')
      },
    })
  for (const name of readsOfRequest) forbid(request, name)
  const stream = request.body as ReadableStream
  for (const name of [...readsOfStream, Symbol.asyncIterator]) forbid(stream, name)
  return unread
}

it.each([
  ['/v1/chat/completions', hello],
  ['/v1/messages', { ...hello, max_tokens: 5 }],
  ['/v1/chat/completions', { ...hello, stream: true }],
])('a pinned tenant is answered, %s', async (path, body) => {
  const unread = unreadable(JSON.stringify(body), 'pinned', path)
  const response = await runWorld.send(unread.request)
  const text = await response.text()
  expect([response.status, unread.reads]).toEqual([200, []])
  expect(response.headers.get('x-switchyard-region')).toBe('eu')
  expect(text.length).toBeGreaterThan(50)
  // Its first byte was fetched by the object, and its last one reached the provider.
  expect(unread.askedBefore).toBe(1)
  expect(runWorld.outgoing[0]?.body).toContain('a word for the EU alone')
})

it('and a tenant that is not pinned is not: the edge reads the body itself', async () => {
  const unread = unreadable(JSON.stringify(hello), 'free', '/v1/chat/completions')
  const response = await runWorld.send(unread.request)
  await response.text()
  expect(unread.reads).not.toEqual([])
  expect(response.status).not.toBe(200)
  expect(runWorld.outgoing).toEqual([])
})
