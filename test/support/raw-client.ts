import { connect, type Socket } from 'node:net'

/** An HTTP/1.1 client that holds its socket in the hand: it can stop reading, reset, or close politely at any byte. */
export interface RawClient {
  readonly socket: Socket
  /** Everything received so far, head and chunk sizes included. */
  received(): string
  bytes(): number
  /** Waits until `enough` holds for what was received; false when the connection closed or time ran out first. */
  until(enough: (received: string) => boolean, limitMs?: number): Promise<boolean>
  /** Stops taking bytes from the kernel: the window closes. */
  pause(): void
  /** TCP RST. */
  reset(): void
  /** TCP FIN, as a client that closes its connection: what comes later is answered with RST by the kernel. */
  finish(): void
  readonly closed: Promise<void>
}

export interface RawRequest {
  readonly port: number
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Keep what arrives (default true); false only counts it. */
  readonly keep?: boolean
}

export function openRaw({ port, path, headers, body, keep = true }: RawRequest): RawClient {
  const socket = connect({ host: '127.0.0.1', port })
  socket.setNoDelay(true)
  const pieces: string[] = []
  let text = ''
  let bytes = 0
  let isClosed = false
  const listeners = new Set<() => void>()
  const tell = () => {
    for (const listener of listeners) listener()
  }
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => {
      isClosed = true
      tell()
      resolve()
    })
  })
  socket.on('error', () => undefined)
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (keep) pieces.push(chunk.toString('latin1'))
    tell()
  })
  const received = () => {
    if (pieces.length > 0) text += pieces.splice(0).join('')
    return text
  }
  const lines = [
    `POST ${path} HTTP/1.1`,
    `host: 127.0.0.1:${port}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'content-type: application/json',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ]
  socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`)
  return {
    socket,
    received,
    bytes: () => bytes,
    until: (enough, limitMs = 5000) =>
      new Promise((resolve) => {
        const finish = (result: boolean) => {
          clearTimeout(timer)
          listeners.delete(look)
          resolve(result)
        }
        const look = () => {
          if (enough(received())) finish(true)
          else if (isClosed) finish(false)
        }
        const timer = setTimeout(() => finish(false), limitMs)
        listeners.add(look)
        look()
      }),
    pause: () => void socket.pause(),
    reset: () => void socket.resetAndDestroy(),
    finish: () => void socket.destroy(),
    closed,
  }
}
