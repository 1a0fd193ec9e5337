/**
 * Our SSE framer beside `eventsource-parser`, in one run, rounds interleaved:
 * `node_modules/.bin/node --expose-gc bench/sse-framer.ts`
 */
import type { Framer } from '../worker/streams/framer.ts'
import { SseFramer } from '../worker/streams/sse-framer.ts'
import { LibrarySseFramer } from './sse-library-framer.ts'

interface Load {
  readonly name: string
  readonly pieces: readonly Uint8Array[]
  readonly events: number
  readonly repeats: number
}

const contenders: Readonly<Record<string, () => Framer>> = {
  ours: () => new SseFramer(),
  library: () => new LibrarySseFramer(),
}

function event(text: string, lineEnd = '\n'): string {
  const padded = text.padEnd(42, 'x')
  return `data: {"id":"chatcmpl-0123456789","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"${padded}"}}]}${lineEnd}${lineEnd}`
}

function cut(bytes: Uint8Array, size: number): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
  return pieces
}

function buildLoads(): Load[] {
  const utf8 = new TextEncoder()
  const names = Array.from({ length: 500 }, (_, index) => `token ${index}`)
  const ascii = names.map((name) => utf8.encode(event(name)))
  const crlf = names.map((name) => utf8.encode(event(name, '\r\n')))
  const accents = names.map((name) => utf8.encode(event(`${name} žluť 中文`)))
  const burst = utf8.encode(names.map((name) => event(name)).join(''))
  const large = utf8.encode(event('y'.repeat(4 * 1024 * 1024)))
  return [
    { name: '500 events, one per push', pieces: ascii, events: 500, repeats: 100 },
    { name: '500 events, one per push, CRLF', pieces: crlf, events: 500, repeats: 100 },
    { name: '500 events, one per push, not ASCII', pieces: accents, events: 500, repeats: 100 },
    { name: '500 events in one push', pieces: [burst], events: 500, repeats: 100 },
    { name: '500 events in pushes of 4 KiB', pieces: cut(burst, 4096), events: 500, repeats: 100 },
    { name: 'one event of 4 MiB, 1400 B a push', pieces: cut(large, 1400), events: 1, repeats: 4 },
    { name: 'one event of 4 MiB, 1 B a push', pieces: cut(large, 1), events: 1, repeats: 1 },
  ]
}

function microsecondsPerEvent(load: Load, create: () => Framer): number {
  let seen = 0
  const count = (message: { readonly data: string }): void => {
    seen += message.data.length > 0 ? 1 : 0
  }
  const start = performance.now()
  for (let repeat = 0; repeat < load.repeats; repeat += 1) {
    const framer = create()
    for (const piece of load.pieces) framer.push(piece, count)
    framer.end(count)
  }
  const elapsedMs = performance.now() - start
  if (seen !== load.events * load.repeats) throw new Error(`${load.name}: ${seen} events`)
  return (elapsedMs * 1000) / seen
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

const rounds = 11
for (const load of buildLoads()) {
  const times: Record<string, number[]> = {}
  for (let round = 0; round < rounds + 2; round += 1) {
    for (const [name, create] of Object.entries(contenders)) {
      const time = microsecondsPerEvent(load, create)
      if (round >= 2) (times[name] ??= []).push(time)
    }
  }
  const ours = median(times.ours ?? [])
  const library = median(times.library ?? [])
  console.log(
    `${load.name.padEnd(38)} ours ${ours.toFixed(3)} us/event, library ${library.toFixed(3)} us/event, ratio ${(ours / library).toFixed(2)}`,
  )
}

const mebibyte = 1024 * 1024

function heldMiB(): number {
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return (heapUsed + arrayBuffers) / mebibyte
}

/** Sends `piece` until a fault or until so many bytes are sent; no event ever ends. */
function reportHeld(name: string, piece: string, maxBytes: number): void {
  const bytes = new TextEncoder().encode(piece)
  for (const [contender, create] of Object.entries(contenders)) {
    const framer = create()
    const sink = (): void => {}
    const beforeMiB = heldMiB()
    let peakMiB = 0
    let sentBytes = 0
    let faulted = false
    framer.push(new TextEncoder().encode('data: '), sink)
    const samples = Math.ceil(maxBytes / bytes.length / 32)
    for (let push = 1; sentBytes < maxBytes && !faulted; push += 1) {
      faulted = framer.push(bytes, sink) !== null
      sentBytes += bytes.length
      if (push % samples === 0) peakMiB = Math.max(peakMiB, heldMiB() - beforeMiB)
    }
    const sentMiB = (sentBytes / mebibyte).toFixed(1)
    console.log(
      `${name.padEnd(38)} ${contender.padEnd(8)} sent ${sentMiB} MiB, held ${peakMiB.toFixed(1)} MiB, fault: ${faulted}`,
    )
    framer.end(sink)
  }
}

reportHeld('no end: `data:` lines', 'data:\n'.repeat(10_000), 24 * mebibyte)
reportHeld('no end: `data: abcdefg` lines', 'data: abcdefg\n'.repeat(10_000), 24 * mebibyte)
reportHeld('no end: one line, 1 B a push', 'y', 4 * mebibyte)
