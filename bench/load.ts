/**
 * The load generator: a process of its own that sends one kind of request over
 * `concurrency` kept connections and times the answers. Raw sockets, because a
 * client library would take as much CPU as the gateways do.
 */
import { connect, type Socket } from 'node:net'
import { tokenMark } from './scenarios.ts'

export interface LoadTask {
  readonly port: number
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly concurrency: number
  readonly requests: number
  /** Answers the text of the last response, to be looked at. */
  readonly keepText?: boolean
}

export interface LoadResult {
  readonly wallMs: number
  /** To the last byte, one for each request, ms. */
  readonly latencyMs: readonly number[]
  /** To the first token, ms. */
  readonly firstTokenMs: readonly number[]
  readonly bytes: number
  readonly failures: readonly string[]
  readonly text?: string
}

const headEnd = Buffer.from('\r\n\r\n')
const lastChunk = Buffer.from('0\r\n\r\n')
const mark = Buffer.from(tokenMark)

interface Response {
  readonly status: number
  readonly text: string
  readonly bytes: number
  readonly firstTokenMs: number | null
  readonly latencyMs: number
}

/** One kept connection; one request at a time. */
class Connection {
  readonly #socket: Socket
  readonly #request: Buffer
  readonly #keepText: boolean
  #onData: (bytes: Buffer) => void = () => undefined
  #onGone: (reason: Error) => void = () => undefined

  constructor(task: LoadTask) {
    const body = Buffer.from(task.body)
    const headers = Object.entries({
      host: `127.0.0.1:${task.port}`,
      'content-type': 'application/json',
      'content-length': String(body.length),
      ...task.headers,
    })
    const head = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
    this.#request = Buffer.concat([
      Buffer.from(`POST ${task.path} HTTP/1.1\r\n${head}\r\n`, 'latin1'),
      body,
    ])
    this.#keepText = task.keepText === true
    this.#socket = connect({ host: '127.0.0.1', port: task.port, noDelay: true })
    this.#socket.on('data', (bytes: Buffer) => this.#onData(bytes))
    this.#socket.on('error', (cause) => this.#onGone(cause))
    this.#socket.on('close', () => this.#onGone(new Error('the connection was closed')))
  }

  send(): Promise<Response> {
    return new Promise((resolve, reject) => {
      const startMs = performance.now()
      let head: Buffer = Buffer.alloc(0)
      let status = 0
      let length: number | null = null
      let bytes = 0
      let tail: Buffer = Buffer.alloc(0)
      let firstTokenMs: number | null = null
      const texts: string[] = []
      this.#onGone = reject
      const body = (piece: Buffer): void => {
        bytes += piece.length
        if (firstTokenMs === null && piece.indexOf(mark) !== -1) {
          firstTokenMs = performance.now() - startMs
        }
        if (this.#keepText) texts.push(piece.toString('latin1'))
        if (length === null) {
          tail = piece.length >= 5 ? piece.subarray(-5) : Buffer.concat([tail, piece]).subarray(-5)
          if (!tail.equals(lastChunk)) return
        } else if (bytes < length) return
        this.#onGone = () => undefined
        const latencyMs = performance.now() - startMs
        resolve({ status, text: texts.join(''), bytes, firstTokenMs, latencyMs })
      }
      const begin = (piece: Buffer): void => {
        head = head.length === 0 ? piece : Buffer.concat([head, piece])
        const at = head.indexOf(headEnd)
        if (at === -1) return
        const text = head.toString('latin1', 0, at)
        status = Number(text.slice(9, 12))
        const declared = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1]
        length = declared === undefined ? null : Number(declared)
        this.#onData = body
        const rest = head.subarray(at + headEnd.length)
        if (rest.length > 0 || length === 0) body(rest)
      }
      this.#onData = begin
      this.#socket.write(this.#request)
    })
  }

  close(): void {
    this.#onGone = () => undefined
    this.#socket.destroy()
  }
}

async function run(task: LoadTask): Promise<LoadResult> {
  const latencyMs: number[] = []
  const firstTokenMs: number[] = []
  const failures: string[] = []
  let bytes = 0
  let text = ''
  let left = task.requests
  const startMs = performance.now()
  const lane = async (): Promise<void> => {
    let connection = new Connection(task)
    while (left > 0) {
      left -= 1
      try {
        const response = await connection.send()
        if (response.status !== 200) failures.push(`status ${response.status}`)
        latencyMs.push(response.latencyMs)
        if (response.firstTokenMs !== null) firstTokenMs.push(response.firstTokenMs)
        bytes += response.bytes
        text = response.text
      } catch (cause) {
        failures.push(cause instanceof Error ? cause.message : String(cause))
        connection.close()
        connection = new Connection(task)
      }
    }
    connection.close()
  }
  await Promise.all(Array.from({ length: Math.min(task.concurrency, task.requests) }, lane))
  const wallMs = performance.now() - startMs
  return {
    wallMs,
    latencyMs,
    firstTokenMs,
    bytes,
    failures,
    ...(task.keepText === true ? { text } : {}),
  }
}

process.on('message', (task: LoadTask) => {
  void run(task).then((result) => process.send?.(result))
})
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
