/** The bare passthrough on Node: what the peer's own server costs before the peer does anything. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'

const [port = '0', upstream = ''] = process.argv.slice(2)

async function forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const pieces: Buffer[] = []
  for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece)
  const answer = await fetch(upstream + (request.url ?? ''), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: Buffer.concat(pieces),
  })
  response.writeHead(answer.status, {
    'content-type': answer.headers.get('content-type') ?? 'application/json',
  })
  if (answer.body === null) response.end()
  else await pipeline(Readable.fromWeb(answer.body as ReadableStream), response)
}

createServer((request, response) => {
  forward(request, response).catch(() => response.destroy())
}).listen(Number(port), '127.0.0.1')
