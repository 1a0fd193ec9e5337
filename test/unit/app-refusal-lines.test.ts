import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createApp } from '../../worker/app.ts'
import { denialOf } from '../../worker/edge/access/authorize.ts'
import { digestKey, formatKey, KeyRing, parseKey } from '../../worker/edge/keys.ts'
import { fakeRuntime, settings } from '../support/fake-host.ts'
import { testIsolate } from '../support/test-isolate.ts'

/** Requests that are refused before their route is known: no decision record, and a log line that says why. */

const page = readFileSync(new URL('../../docs/replay.md', import.meta.url), 'utf8')

const pepper = 'pepper'.repeat(8)
const [key, adminKey, strange] = ['demo', 'admin', 'demo'].map((tenant, offset) =>
  formatKey(
    tenant,
    Uint8Array.from({ length: 40 }, (_, index) => index + offset * 7),
  ),
) as [string, string, string]

function ringOf(text: string): KeyRing {
  const { tenant, id } = parseKey(text) ?? { tenant: '', id: '' }
  return new KeyRing([{ tenant, id, digest: digestKey(text, pepper) }], pepper)
}

const runtime = fakeRuntime({ ...settings, ledger: { mode: 'off' } })
const isolate = testIsolate(runtime, ringOf(key), ringOf(adminKey), pepper)
const app = createApp(() => isolate)
const context = { waitUntil: () => undefined, passThroughOnException: () => undefined, props: {} }

let lines: string[]

beforeEach(() => {
  lines = []
  vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line))
})

afterEach(() => vi.restoreAllMocks())

/** The one line that such a request leaves. */
async function lineOf(path: string, init: RequestInit): Promise<Record<string, unknown>> {
  const response = await app.request(path, init, {}, context as never)
  await response.text()
  expect(lines).toHaveLength(1)
  const line = JSON.parse(lines[0] ?? '{}') as Record<string, unknown>
  expect(line).toMatchObject({
    'switchyard.request.id': response.headers.get('x-switchyard-request-id'),
    'http.response.status_code': response.status,
  })
  expect(line).not.toHaveProperty('switchyard.decision')
  return line
}

function post(body: BodyInit, headers: Record<string, string> = {}): RequestInit {
  return { method: 'POST', body, headers: { authorization: `Bearer ${key}`, ...headers } }
}

const chat = '/v1/chat/completions'
const hello = { model: 'chat', messages: [{ role: 'user', content: 'grandmother' }] }

describe.each([chat, '/v1/messages', '/v1/messages/count_tokens', '/v1/explain'])(
  'a body that cannot be read, at %s',
  (path) => {
    it.each([
      ['is no JSON', '{"grandmother": ', /^the body is not valid JSON/],
      ['is empty', '', /^the body is empty; a JSON object is expected$/],
      ['is no UTF-8', new Uint8Array([0x7b, 0xff]), /^the body is not valid UTF-8$/],
      ['is too deep', `${'['.repeat(900)}${']'.repeat(900)}`, /^the body .* deep/],
    ])('and %s: its line says so', async (_how, body, reason) => {
      expect(await lineOf(path, post(body))).toMatchObject({
        event: 'request',
        'switchyard.ending': 'refused',
        'error.type': 'invalid_request',
        'switchyard.reason': expect.stringMatching(reason),
        'gen_ai.request.model': null,
      })
      expect(lines[0]).not.toContain('grandmother')
    })
  },
)

describe('docs/replay.md', () => {
  it('quotes the line of a body that is no JSON', async () => {
    const line = await lineOf(chat, post('{"model":   x}'))
    expect(page).toContain(`\`switchyard.reason\`: "${String(line['switchyard.reason'])}"`)
  })

  it('quotes the line of a key that has expired', () => {
    expect(page).toContain(`\`switchyard.reason\`: "${denialOf('expired').message}"`)
  })
})

describe('a request that is not valid', () => {
  it.each([
    ['messages[0].role', {}, { ...hello, messages: [{ role: 'grandmother', content: 'x' }] }],
    ['temperature', {}, { ...hello, temperature: 'grandmother' }],
    ['x-switchyard-deadline-ms', { 'x-switchyard-deadline-ms': 'grandmother' }, hello],
    ['x-switchyard-resume', { 'x-switchyard-resume': 'grandmother' }, hello],
    ['x-switchyard-tags', { 'x-switchyard-tags': 'grandmother' }, hello],
  ])('in %s: its line names that, and no word of it', async (param, headers, body) => {
    const line = await lineOf(chat, post(JSON.stringify(body), headers))
    expect(line).toMatchObject({
      event: 'request',
      'error.type': 'invalid_request',
      'switchyard.error.param': param,
    })
    expect(lines[0]).not.toContain('grandmother')
  })

  it('has no more of the name of a field in its line than its caller is told', async () => {
    const metadata = { [`m${'x'.repeat(600)}`]: 7 }
    const line = await lineOf(chat, post(JSON.stringify({ ...hello, metadata })))
    expect(String(line['switchyard.error.param'])).toMatch(/^metadata\.m.{0,70}$/u)
  })
})

describe('a request that nobody is known to have sent', () => {
  it.each([
    ['without a key', {}, /^no key was sent/],
    ['with a key of nobody', { authorization: `Bearer ${strange}` }, /^this key is not known$/],
    ['with something else', { authorization: 'Bearer grandmother' }, /^this key is not known$/],
  ])('%s: its line says so, and not what was sent', async (_how, headers, reason) => {
    const line = await lineOf(chat, { method: 'POST', body: JSON.stringify(hello), headers })
    expect(line).toMatchObject({
      event: 'refusal',
      'switchyard.tenant': null,
      'error.type': 'unauthorized',
      'switchyard.reason': expect.stringMatching(reason),
    })
    expect(lines[0]).not.toMatch(/grandmother|sk-sy/)
  })

  it('has no reason in its line where an error may quote', async () => {
    const headers = { authorization: `Bearer ${adminKey}` }
    const line = await lineOf('/admin/v1/circuits?grandmother=1', { headers })
    expect(line).toMatchObject({ event: 'refusal', 'error.type': 'invalid_request' })
    expect(line).not.toHaveProperty('switchyard.reason')
    expect(lines[0]).not.toContain('grandmother')
  })
})
