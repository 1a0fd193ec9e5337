import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** One call that reached the scripted upstream, and what became of it. */
export interface ScriptedCall {
  /** Counts from 1. */
  readonly number: number
  readonly method: string
  readonly path: string
  /** As sent, names and values in turn. */
  readonly rawHeaders: readonly string[]
  readonly headers: IncomingMessage['headers']
  readonly body: string
  /** `performance.now()` when the call had arrived. */
  readonly atMs: number
  /** `performance.now()` when the connection of an unfinished answer closed; null while it is open or when it was answered in full. */
  abortedAtMs: number | null
  /** The caller hung up before the answer was complete. */
  aborted: boolean
  /** Nothing more can happen. */
  over: boolean
  /** Body bytes handed to the kernel's side so far. */
  bytesSent: number
}

/** What a script does with its call. */
export interface Reply {
  readonly call: ScriptedCall
  /** Resolves when the caller has hung up. */
  readonly gone: Promise<void>
  head(status: number, headers?: Readonly<Record<string, string>>): void
  /** Writes and waits while the caller does not read. False once the caller has gone. */
  write(bytes: string | Uint8Array): Promise<boolean>
  /** Ends the answer as HTTP has it. */
  end(bytes?: string | Uint8Array): void
  /** TCP RST. */
  reset(): void
  /** TCP FIN in the middle of a chunked body: no last chunk. */
  finish(): void
  wait(ms: number): Promise<void>
}

export type Script = (reply: Reply) => void | Promise<void>

export interface ScriptedUpstream {
  /** `http://127.0.0.1:port`, without a slash. */
  readonly url: string
  /** `127.0.0.1:port`, as a credential names its host. */
  readonly host: string
  readonly calls: readonly ScriptedCall[]
  /** Calls whose connection is still in use. */
  open(): number
  /** Connections the kernel still has, idle ones included. */
  sockets(): number
  /** What happens to calls whose path begins with `/name/`; the last rule for a name stands. */
  on(name: string, script: Script): void
  clear(): void
  close(): Promise<void>
}

/** A provider that does exactly what a test says, down to the segments and how the connection ends. Plain Node, loopback only. */
export async function startScriptedUpstream(): Promise<ScriptedUpstream> {
  const scripts = new Map<string, Script>()
  const calls: ScriptedCall[] = []
  const sockets = new Set<Socket>()
  const server = createServer((request, response) => {
    void answer(request, response, scripts, calls)
  })
  server.keepAliveTimeout = 60_000
  server.on('connection', (socket) => {
    socket.setNoDelay(true)
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    host: `127.0.0.1:${port}`,
    calls,
    open: () => calls.filter(({ over }) => !over).length,
    sockets: () => sockets.size,
    on: (name, script) => void scripts.set(name, script),
    clear() {
      calls.length = 0
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  scripts: ReadonlyMap<string, Script>,
  calls: ScriptedCall[],
): Promise<void> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer)
  } catch {
    return
  }
  const call: ScriptedCall = {
    number: calls.length + 1,
    method: request.method ?? '',
    path: request.url ?? '',
    rawHeaders: request.rawHeaders,
    headers: request.headers,
    body: Buffer.concat(chunks).toString('utf8'),
    atMs: performance.now(),
    abortedAtMs: null,
    aborted: false,
    over: false,
    bytesSent: 0,
  }
  calls.push(call)
  const reply = replyOf(call, response)
  const script = scripts.get(call.path.split('/')[1] ?? '')
  if (script === undefined) {
    reply.head(404, { 'content-type': 'text/plain' })
    return reply.end(`no script for ${call.path}`)
  }
  await script(reply)
}

function replyOf(call: ScriptedCall, response: ServerResponse): Reply {
  let leave = (): void => undefined
  const gone = new Promise<void>((resolve) => {
    leave = resolve
  })
  let ours = false
  response.on('error', () => undefined)
  response.on('close', () => {
    call.over = true
    if (!response.writableFinished && !ours) {
      call.aborted = true
      call.abortedAtMs = performance.now()
    }
    leave()
  })
  return {
    call,
    gone,
    head(status, headers = {}) {
      response.writeHead(status, headers)
      response.flushHeaders()
    },
    async write(bytes) {
      if (call.over) return false
      call.bytesSent += Buffer.byteLength(bytes)
      if (!response.write(bytes) && !call.over) {
        await Promise.race([new Promise((resolve) => response.once('drain', resolve)), gone])
      }
      return !call.over
    },
    end(bytes) {
      response.end(bytes)
    },
    reset() {
      ours = true
      response.socket?.resetAndDestroy()
    },
    finish() {
      ours = true
      response.socket?.destroySoon()
    },
    wait: (ms) =>
      Promise.race([
        gone,
        new Promise<void>((resolve) => {
          setTimeout(resolve, ms).unref()
        }),
      ]),
  }
}
