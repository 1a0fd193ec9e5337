/**
 * The mock upstream: one process that speaks OpenAI chat and Anthropic messages
 * as `scenarios.ts` asks. A bare socket server with its own few lines of
 * HTTP/1.1, because `node:http` would take more of the second core than the
 * gateway that is measured. Started by the bench with an IPC channel; sends its
 * port when it listens.
 */
import { createServer, type Socket } from 'node:net'
import { readScenario, type Scenario, type UpstreamWire } from './scenarios.ts'
import { largeStream, streamText, wholeAnswer } from './upstream-wire.ts'

interface InboundRequest {
  readonly wire: UpstreamWire
  readonly model: string
  readonly scenario: Scenario
  readonly includeUsage: boolean
}

const headEnd = Buffer.from('\r\n\r\n')
const chunkedEnd = Buffer.from('0\r\n\r\n')
const streamHead =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n'

/** Texts that every request of a scenario shares. */
const cache = new Map<string, Buffer>()

function cached(key: string, make: () => string): Buffer {
  let bytes = cache.get(key)
  if (bytes === undefined) cache.set(key, (bytes = Buffer.from(make())))
  return bytes
}

const burstPieceBytes = 16_384

/** The texts are ASCII: a character is a byte. */
function cut(text: string, size: number): string[] {
  const pieces: string[] = []
  for (let at = 0; at < text.length; at += size) pieces.push(text.slice(at, at + size))
  return pieces
}

function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
}

/** Where the first request in `bytes` ends and its body begins; null while it is not whole. */
function wholeRequest(bytes: Buffer): { bodyStart: number; end: number } | null {
  const at = bytes.indexOf(headEnd)
  if (at === -1) return null
  const head = bytes.toString('latin1', 0, at)
  const bodyStart = at + headEnd.length
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length !== undefined) {
    const end = bodyStart + Number(length)
    return bytes.length >= end ? { bodyStart, end } : null
  }
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return { bodyStart, end: bodyStart }
  const end = bytes.indexOf(chunkedEnd, bodyStart)
  return end === -1 ? null : { bodyStart, end: end + chunkedEnd.length }
}

function readRequest(bytes: Buffer, bodyStart: number): InboundRequest | null {
  const firstLine = bytes.toString('latin1', 0, bytes.indexOf('\r\n'))
  const wire = firstLine.includes('/messages') ? 'anthropic' : 'openai'
  const at = bytes.indexOf('"model":', bodyStart)
  if (at === -1) return null
  const model = /"model": *"([^"]+)"/.exec(bytes.toString('latin1', at, at + 100))?.[1] ?? ''
  const scenario = readScenario(model)
  if (scenario === null) return null
  const includeUsage = bytes.indexOf('"include_usage":true', bodyStart) !== -1
  return { wire, model, scenario, includeUsage }
}

function answer(socket: Socket, request: InboundRequest, done: () => void): void {
  const { wire, model, scenario, includeUsage } = request
  const key = `${model} ${wire} ${String(includeUsage)}`
  switch (scenario.kind) {
    case 'json': {
      const whole = () => {
        const body = wholeAnswer(wire, model)
        return `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
      }
      socket.write(cached(key, whole))
      done()
      return
    }
    case 'burst': {
      const whole = () => {
        const { opening, token, ending } = streamText(wire, model, scenario.chunks, includeUsage)
        const tokens = Array.from({ length: scenario.chunks }, (_, index) => token(index))
        const pieces = scenario.single
          ? [opening, ...tokens, ending]
          : cut(opening + tokens.join('') + ending, burstPieceBytes)
        return `${streamHead}${pieces.map(chunk).join('')}0\r\n\r\n`
      }
      socket.write(cached(key, whole))
      done()
      return
    }
    case 'first': {
      const { opening, token, ending } = streamText(wire, model, 3, includeUsage)
      socket.write(`${streamHead}${chunk(opening + token(0))}`)
      setTimeout(() => {
        socket.write(`${chunk(token(1) + token(2))}${chunk(ending)}0\r\n\r\n`)
        done()
      }, 5)
      return
    }
    case 'paced':
      return answerPaced(socket, request, scenario, done)
    case 'large':
      return answerLarge(socket, request, scenario.megabytes, done)
  }
}

/** One write a tick, never two: a late tick makes the stream longer, not its chunks larger. */
function answerPaced(
  socket: Socket,
  { wire, model, includeUsage }: InboundRequest,
  { chunks, paceMs }: Extract<Scenario, { kind: 'paced' }>,
  done: () => void,
): void {
  const { opening, token, ending } = streamText(wire, model, chunks, includeUsage)
  const tokens = Array.from({ length: 10 }, (_, index) => Buffer.from(chunk(token(index))))
  let sent = 0
  socket.write(`${streamHead}${chunk(opening)}`)
  const timer = setInterval(() => {
    const last = sent >= chunks
    socket.write(last ? `${chunk(ending)}0\r\n\r\n` : (tokens[sent % 10] ?? ''))
    sent += 1
    if (!last) return
    clearInterval(timer)
    socket.removeListener('close', stop)
    done()
  }, paceMs)
  const stop = () => clearInterval(timer)
  socket.once('close', stop)
}

const pieceBytes = 1400

function answerLarge(
  socket: Socket,
  { wire, model, includeUsage }: InboundRequest,
  megabytes: number,
  done: () => void,
): void {
  const key = `${model} ${wire} ${String(includeUsage)}`
  const bytes = cached(key, () => largeStream(wire, model, megabytes, includeUsage))
  let at = 0
  socket.write(streamHead)
  const next = () => {
    if (socket.destroyed) return
    const piece = bytes.subarray(at, at + pieceBytes)
    at += piece.length
    socket.cork()
    socket.write(`${piece.length.toString(16)}\r\n`)
    socket.write(piece)
    const flowing = socket.write('\r\n')
    socket.uncork()
    if (at >= bytes.length) {
      socket.write('0\r\n\r\n')
      done()
    } else if (flowing) setImmediate(next)
    else socket.once('drain', next)
  }
  next()
}

function serve(socket: Socket): void {
  socket.setNoDelay(true)
  let pending: Buffer | null = null
  let busy = false
  const take = () => {
    if (busy || pending === null) return
    const whole = wholeRequest(pending)
    if (whole === null) return
    const request = readRequest(pending.subarray(0, whole.end), whole.bodyStart)
    pending = pending.length === whole.end ? null : pending.subarray(whole.end)
    if (request === null) {
      socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n')
      return
    }
    busy = true
    answer(socket, request, () => {
      busy = false
      take()
    })
  }
  socket.on('data', (bytes: Buffer) => {
    pending = pending === null ? bytes : Buffer.concat([pending, bytes])
    take()
  })
  socket.on('error', () => socket.destroy())
}

const server = createServer(serve)
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object' && address !== null) process.send?.({ port: address.port })
})
process.on('disconnect', () => process.exit(0))
