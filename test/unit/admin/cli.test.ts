import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { durationMs } from '../../../scripts/admin/durations.ts'
import { CommandFailure } from '../../../scripts/admin/failure.ts'
import { commands, type Environment, runAdmin } from '../../../scripts/admin/run.ts'
import { budgetOf, limitOf } from '../../../scripts/admin/specs.ts'
import { details, table } from '../../../scripts/admin/table.ts'

interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: unknown
}

interface Reply {
  readonly status?: number
  readonly headers?: Record<string, string>
  readonly body?: string
  /** Cut the connection after the body. */
  readonly cut?: true
}

/** A gateway of one answer. */
let server: Server
let reply: Reply = {}
const seen: Seen[] = []
let environment: Environment = {}
let directory = ''

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'switchyard-cli-'))
  server = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk: Buffer) => (text += chunk.toString()))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      seen.push({ method, url, headers, body: text === '' ? undefined : JSON.parse(text) })
      response.writeHead(reply.status ?? 200, reply.headers)
      response.write(reply.body ?? '{}')
      if (reply.cut === true) setTimeout(() => response.destroy(), 20)
      else response.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterAll(() => {
  server.close()
  rmSync(directory, { recursive: true, force: true })
})
beforeEach(() => {
  reply = {}
  seen.length = 0
  const { port } = server.address() as AddressInfo
  environment = {
    SWITCHYARD_URL: `http://127.0.0.1:${port}`,
    SWITCHYARD_ADMIN_KEY: 'sk-sy-admin-x',
  }
})

const run = (...words: readonly string[]) => runAdmin(words, environment)

async function failure(...words: readonly string[]): Promise<CommandFailure> {
  try {
    await run(...words)
  } catch (cause) {
    if (cause instanceof CommandFailure) return cause
    throw cause
  }
  throw new Error('it did not fail')
}

function answers(body: unknown, more: Reply = {}): void {
  reply = { body: JSON.stringify(body), ...more }
}

describe('a command', () => {
  it('sends what it is told, with the key, and for writes an idempotency key', async () => {
    answers({ data: [] })
    await run('budgets', 'set', 'acme', '--budget', 'tenant day 12.50 hard warn@80')
    expect(seen).toMatchObject([
      {
        method: 'PUT',
        url: '/admin/v1/tenants/acme/budgets',
        headers: { authorization: 'Bearer sk-sy-admin-x', 'content-type': 'application/json' },
        body: [
          {
            scope: 'tenant',
            period: 'day',
            limitUsd: '12.50',
            mode: 'hard',
            thresholds: [{ percent: 80, actions: ['warn'] }],
          },
        ],
      },
    ])
    expect(seen[0]?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/)
    await run('budgets', 'list', 'acme')
    expect(seen[1]?.headers['idempotency-key']).toBeUndefined()
  })

  it('escapes what it puts into a path', async () => {
    await run('tenants', 'get', '../circuits?x')
    expect(seen[0]?.url).toBe('/admin/v1/tenants/..%2Fcircuits%3Fx')
  })

  it('prints a key alone, so that it can be kept, and what to know of it beside', async () => {
    answers({ id: 'Key00001', key: 'sk-sy-acme-Key00001-secret' })
    expect(await run('keys', 'create', 'acme', '--name', 'x', '--routes', 'a,b')).toEqual({
      text: 'sk-sy-acme-Key00001-secret\n',
      note: 'key Key00001 of acme: keep it now, it is not shown again\n',
    })
    expect(seen[0]?.body).toEqual({ name: 'x', routes: ['a', 'b'] })
  })

  it('prints the answer as it came with --json', async () => {
    answers({ object: 'list', data: [], more: 1 })
    const { text } = await run('keys', 'list', 'acme', '--json')
    expect(JSON.parse(text)).toEqual({ object: 'list', data: [], more: 1 })
  })

  it('says what the gateway warns of, beside the answer', async () => {
    answers({ data: [] }, { headers: { 'x-switchyard-warning': 'the ledger is off' } })
    expect(await run('budgets', 'list', 'acme')).toEqual({
      text: 'none\n',
      note: 'warning: the ledger is off\n',
    })
  })

  it.each([
    [null, ''],
    [{ pendingChanges: 3, behindMs: 9999, forked: false }, ''],
    [
      { pendingChanges: 3, behindMs: 61_500, forked: false },
      'the journal is 61 s behind: 3 changes wait\n',
    ],
    [
      { pendingChanges: 0, behindMs: 0, forked: true },
      'the journal has another history: "npm run admin -- restore --help"\n',
    ],
  ])('tells of a journal %j what somebody has to do about', async (journal, note) => {
    answers({ data: [], journal })
    expect((await run('budgets', 'list', 'acme')).note).toBe(note)
  })

  it('takes a ledger back, and puts it in order', async () => {
    answers({ rewoundTo: '2026-11-25T12:00:00.000Z' })
    const { text } = await run('rewind', 'acme', '--to', '2026-11-25T12:00:00Z')
    expect(text).toBe('the ledger is taken back to 2026-11-25T12:00:00.000Z\n')
    answers({ epoch: 2, restoringForMs: 960_000, uncertain: ['day/tenant'] })
    expect((await run('restore', 'acme')).text).toMatch(/^epoch +2\n/)
    await run('restore', 'acme', '--complete')
    await run('release', 'acme')
    await run('release', 'acme', '--billed', 'day/tenant=12.50', '--billed', 'total/key:a=3')
    expect(
      seen.map(({ method, url, body }) => [method, url.split('/').slice(-2).join('/'), body]),
    ).toEqual([
      ['POST', 'ledger/rewind', { to: '2026-11-25T12:00:00Z' }],
      ['POST', 'ledger/restore', { complete: false }],
      ['POST', 'ledger/restore', { complete: true }],
      ['POST', 'ledger/release', {}],
      ['POST', 'ledger/release', { billedUsd: { 'day/tenant': '12.50', 'total/key:a': '3' } }],
    ])
  })

  it('says where the next page is', async () => {
    answers({ data: [], nextCursor: 'abc' })
    expect((await run('ledger', 'acme')).note).toBe('there is more: --cursor abc\n')
  })
})

describe('what a command is not told to do', () => {
  it.each([
    [['frob'], 'there is no command "frob"'],
    [['tenants', 'get'], 'tenants get takes TENANT (found 0)'],
    [['tenants', 'get', 'a', 'b'], 'tenants get takes TENANT (found 2)'],
    [['tenants', 'get', 'a', '--nope'], "Unknown option '--nope'"],
    [['budgets', 'set', 'a'], 'give --budget once for each, or --file'],
    [['budgets', 'set', 'a', '--budget', 'tenant day'], '--budget "SCOPE PERIOD USD hard|soft'],
    [['budgets', 'set', 'a', '--budget', 'tenant day 1 hard wran@80'], '"wran@80" is none of'],
    [['limits', 'set', 'a', '--limit', 'tenant requests many'], '--limit "SCOPE'],
    [['keys', 'rotate', 'a', 'k', '--overlap', '1 day'], 'a duration such as'],
    [['statement', 'a'], '--period is needed'],
    [['reconcile', 'a', '1.1'], '--final-usd is needed'],
    [['rewind', 'a'], '--to is needed'],
    [['ledger', 'a', '--csv', 'x', '--limit', '5'], '--csv is of the whole time'],
    [['tenants', 'get', 'a', '--url', 'gateway'], '--url: an address such as'],
    [['tenants', 'get', 'a', '--url', 'http://gateway.example'], 'not sent in the clear'],
  ])('%j is code 2, and nothing is sent', async (words, message) => {
    const { exitCode, message: text } = await failure(...words)
    expect([exitCode, text]).toEqual([2, expect.stringContaining(message)])
    expect(seen).toEqual([])
  })

  it('an admin key on the command line is refused and not said again', async () => {
    const key = 'sk-sy-admin-7hQ2mZx9-abc'
    const { exitCode, message } = await failure('tenants', 'get', 'a', '--url', key)
    expect(exitCode).toBe(2)
    expect(message).not.toContain(key)
  })

  it('no key at all says where it is read from', async () => {
    environment = { ...environment, SWITCHYARD_ADMIN_KEY: undefined }
    expect((await failure('tenants', 'get', 'a')).message).toContain('SWITCHYARD_ADMIN_KEY')
  })

  it('a key file is read, and one that others can read is refused', async () => {
    const file = join(directory, 'key')
    writeFileSync(file, 'sk-sy-admin-file\n', { mode: 0o600 })
    await run('tenants', 'get', 'a', '--key-file', file)
    expect(seen[0]?.headers.authorization).toBe('Bearer sk-sy-admin-file')
    chmodSync(file, 0o644)
    expect((await failure('tenants', 'get', 'a', '--key-file', file)).message).toContain(
      'chmod 600',
    )
    expect((await failure('tenants', 'get', 'a', '--key-file', 'none')).message).toContain('ENOENT')
  })
})

describe('a refusal', () => {
  const error = { error: { code: 'invalid_request', message: 'scope: is wrong' } }

  it('is told with its status, its code and the request id, and is code 1', async () => {
    answers(error, { status: 400, headers: { 'x-switchyard-request-id': 'req_1' } })
    const { exitCode, message } = await failure('freeze', 'acme')
    expect([exitCode, message]).toEqual([1, 'scope: is wrong [400 invalid_request] (req_1)'])
  })

  it('of the key says which key that is', async () => {
    answers(error, { status: 401 })
    expect((await failure('tenants', 'get', 'a')).message).toContain('an admin key of it?')
  })

  it('of something not built is code 1', async () => {
    answers(error, { status: 501 })
    expect((await failure('tenants', 'put', 'a')).exitCode).toBe(1)
  })

  it('for a fault there says how to send the same again, and is code 3', async () => {
    answers(error, { status: 503 })
    const { exitCode, message } = await failure('freeze', 'acme', '--idempotency-key', 'k-1')
    expect([exitCode, message]).toEqual([3, expect.stringContaining('--idempotency-key k-1')])
    expect((await failure('tenants', 'get', 'a')).message).not.toContain('--idempotency-key')
  })

  it('is also an answer that leads elsewhere: the key is sent nowhere else', async () => {
    answers({}, { status: 307, headers: { location: 'http://127.0.0.1:1/' } })
    expect((await failure('tenants', 'get', 'a')).message).toContain('[307]')
    expect(seen).toHaveLength(1)
  })

  it('of nobody is code 3', async () => {
    environment = { ...environment, SWITCHYARD_URL: 'http://127.0.0.1:1' }
    expect((await failure('tenants', 'get', 'a')).exitCode).toBe(3)
  })
})

describe('--csv', () => {
  it('writes the whole of it into the file', async () => {
    const file = join(directory, 'whole.csv')
    reply = { body: 'a,b\r\n1,2\r\n' }
    expect((await run('ledger', 'acme', '--csv', file)).note).toBe(`${file} is written\n`)
    expect(seen[0]?.headers.accept).toBe('text/csv')
    expect(readFileSync(file, 'utf8')).toBe('a,b\r\n1,2\r\n')
  })

  it('leaves no file when it breaks off, and the one that was there stays', async () => {
    const file = join(directory, 'half.csv')
    writeFileSync(file, 'old')
    reply = { body: 'a,b\r\n', headers: { 'content-length': '100' }, cut: true }
    expect((await failure('ledger', 'acme', '--csv', file)).exitCode).toBe(3)
    expect([readFileSync(file, 'utf8'), existsSync(`${file}.part`)]).toEqual(['old', false])
  })
})

describe('help', () => {
  it('lists every command, and where the key comes from', async () => {
    const { text } = await run('--help')
    for (const { name } of commands) expect(text).toContain(`  ${name} `)
    expect(text).toContain('SWITCHYARD_ADMIN_KEY')
    expect((await run()).text).toBe(text)
  })

  it.each(commands.map(({ name }) => name))(
    'of %s has its options and an example',
    async (name) => {
      const command = commands.find((one) => one.name === name)
      const { text } = await run(...name.split(' '), '--help')
      for (const option of Object.keys(command?.options ?? {}))
        expect(text).toContain(`--${option}`)
      expect(text).toContain(`npm run admin -- ${name} `)
    },
  )
})

describe('table()', () => {
  it('stands in columns, numbers at the right', () => {
    const rows = [
      { name: 'a', usd: '12.50' },
      { name: 'longer', usd: '0.000034' },
    ]
    const text = table(rows, [
      { title: 'NAME', cell: ({ name }) => name },
      { title: 'USD', right: true, cell: ({ usd }) => usd },
      { title: 'NONE', cell: () => null },
    ])
    expect(text.split('\n')).toEqual([
      'NAME         USD  NONE',
      'a          12.50  -',
      'longer  0.000034  -',
      '',
    ])
  })

  it('lets nobody’s text move the cursor or colour the terminal', () => {
    const text = table(
      [{ tag: '\u001b[31mred\u001b]8;;x\u0007\u202e' }],
      [{ title: 'TAG', cell: ({ tag }) => tag }],
    )
    // oxlint-disable-next-line no-control-regex
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/)
  })

  it('says that there is nothing', () => {
    expect(table([], [])).toBe('none\n')
  })

  it('shows one thing by its fields', () => {
    expect(details({ id: 'acme', routes: ['a', 'b'], tags: { x: 'y' }, strict: false })).toBe(
      'id      acme\nroutes  a,b\ntags    x=y\nstrict  no\n',
    )
  })
})

describe('specs', () => {
  it('of budgets have their thresholds and zone', () => {
    const text = 'tenant month 500 soft zone=Europe/Berlin degrade@95% clamp@95 fail-open=0.25'
    expect(budgetOf(text)).toEqual({
      scope: 'tenant',
      period: 'month',
      limitUsd: '500',
      mode: 'soft',
      zone: 'Europe/Berlin',
      thresholds: [{ percent: 95, actions: ['degrade', 'clamp'] }],
      failOpenUsd: '0.25',
    })
  })

  it('of limits have their window', () => {
    expect(limitOf('tenant tokens 100000 1h')).toEqual({
      scope: 'tenant',
      kind: 'tokens',
      limit: 100_000,
      windowMs: 3_600_000,
    })
  })

  it.each([
    ['500ms', 500],
    ['60s', 60_000],
    ['30d', 2_592_000_000],
  ])('a duration %s is %d ms', (text, ms) => {
    expect(durationMs(text, 'x')).toBe(ms)
  })
})
