import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { EdgePorts } from '../../../worker/edge/edge-ports.ts'
import { KeyRing } from '../../../worker/edge/keys.ts'
import type { RequestRecord } from '../../../worker/engine/record.ts'
import { fakeRuntime } from '../../support/fake-host.ts'
import { testIsolate } from '../../support/test-isolate.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const pepper = '00'.repeat(32)

const isolate = testIsolate(fakeRuntime(), new KeyRing([], pepper), new KeyRing([], pepper), pepper)

/** Of a request with this very signal, where a `Request` would make one of its own. */
function portsOf(signal: AbortSignal): EdgePorts {
  const request = new Request('https://gateway.example/v1/chat/completions', { signal })
  Object.defineProperty(request, 'signal', { value: signal })
  return new EdgePorts({ request, bindings: {}, context: { waitUntil: () => undefined } }, isolate)
}

describe('EdgePorts', () => {
  it('is let go of when its request is over, although the runtime still holds the signal of the request', async () => {
    const client = new AbortController()
    const gone = new WeakRef(portsOf(client.signal))
    await new Promise((resolve) => setImmediate(resolve))
    collect()
    expect(gone.deref()).toBeUndefined()
    // The signal itself lives, and what listens to it is still told.
    client.abort()
    expect(client.signal.aborted).toBe(true)
  })

  it('tells that the client has gone', () => {
    const client = new AbortController()
    const request = new Request('https://gateway.example/', { signal: client.signal })
    const ports = new EdgePorts(
      { request, bindings: {}, context: { waitUntil: () => undefined } },
      isolate,
    )
    let told = 0
    ports.clientGone.addEventListener('abort', () => (told += 1))
    client.abort()
    expect([ports.clientGone.aborted, told]).toEqual([true, 1])
  })

  it('holds nothing of whoever listened once the request is on record, and tells them nothing', async () => {
    vi.spyOn(console, 'log').mockImplementation(() => undefined)
    const client = new AbortController()
    let told = 0
    const held = new WeakRef(listening(client.signal))
    await new Promise((resolve) => setImmediate(resolve))
    collect()
    expect(held.deref()).toBeUndefined()
    client.abort()
    expect(told).toBe(0)

    function listening(signal: AbortSignal): object {
      const ports = portsOf(signal)
      const answer = { body: 'x'.repeat(1000) }
      ports.clientGone.addEventListener('abort', () => (told += answer.body.length))
      ports.log(record)
      return answer
    }
  })
})

afterEach(() => vi.restoreAllMocks())

const record: RequestRecord = {
  requestId: 'req_1',
  tenant: 'demo',
  keyId: 'k1',
  dialect: 'openai-chat',
  operation: 'chat',
  stream: false,
  plumbing: 'json',
  requestedModel: 'chat',
  route: 'chat',
  target: 'm@x',
  provider: 'x',
  model: 'm',
  region: 'us',
  attempts: [],
  ending: 'finished',
  status: 200,
  durationMs: 5,
  reason: 'tier 1',
  configVersion: 'v1',
  colo: null,
}
