import { describe, expect, it } from 'vitest'
import routes from '../../../routes.json' with { type: 'json' }
import { baseUrlRule, describeProblems, readConfig } from '../../../worker/edge/config.ts'

const switches = { local: false }

/** A small file that is right; each test breaks one thing. */
function file(change: (made: Draft) => void = () => undefined): Draft {
  const made = draft()
  change(made)
  return made
}

interface Draft {
  providers: Record<string, Record<string, unknown>>
  targets: Record<string, object>
  routes: Record<string, { tiers: unknown; timeouts?: unknown; limits?: unknown }>
  tenants: Record<string, object>
}

function draft(): Draft {
  return {
    providers: {
      openai: {
        adapter: 'openai',
        baseUrl: 'https://api.openai.com/v1',
        credential: { kind: 'bearer', secret: 'OPENAI_API_KEY', host: 'api.openai.com' },
      },
    },
    targets: { 'gpt-4.1@openai': {} },
    routes: { chat: { tiers: [['gpt-4.1@openai']] } },
    tenants: { demo: {} },
  }
}

function problems(raw: unknown, local = false): string {
  const read = readConfig(raw, { local })
  return read.ok ? '' : describeProblems(read.problems)
}

describe('readConfig()', () => {
  it('accepts the routes.json of this repository', () => {
    expect(problems(routes)).toBe('')
  })

  it('fills defaults in', () => {
    const read = readConfig(file(), switches)
    expect(read.ok && read.config.routes['chat']).toMatchObject({
      timeouts: { firstTokenTimeoutMs: 30_000, idleTimeoutMs: 30_000, deadlineMs: 600_000 },
      heartbeatAfterMs: 15_000,
      limits: { maxAttempts: 3 },
    })
  })

  it.each([
    [
      'a target nobody declared',
      file((d) => {
        d.routes['chat'] = { tiers: [['gpt-9@openai']] }
      }),
      'routes.chat.tiers[0][0]: names a target that is not declared (found "gpt-9@openai")',
    ],
    [
      'a provider nobody declared',
      file((d) => {
        d.targets['x@nowhere'] = {}
      }),
      'targets["x@nowhere"]: names a provider that is not declared (found "nowhere")',
    ],
    [
      'an empty tier',
      file((d) => {
        d.routes['chat'] = { tiers: [[]] }
      }),
      'routes.chat.tiers[0]',
    ],
    [
      'no tiers',
      file((d) => {
        d.routes['chat'] = { tiers: [] }
      }),
      'routes.chat.tiers',
    ],
    [
      'weights that add up to 0',
      file((d) => {
        d.routes['chat'] = { tiers: [[{ target: 'gpt-4.1@openai', weight: 0 }]] }
      }),
      'routes.chat.tiers[0]: the weights of a tier must not all be 0',
    ],
    [
      'a target twice in a tier',
      file((d) => {
        d.routes['chat'] = { tiers: [['gpt-4.1@openai', 'gpt-4.1@openai']] }
      }),
      'names a target twice',
    ],
    [
      'a negative weight',
      file((d) => {
        d.routes['chat'] = { tiers: [[{ target: 'gpt-4.1@openai', weight: -1 }]] }
      }),
      'routes.chat.tiers[0][0]',
    ],
    [
      'more than three attempts',
      file((d) => {
        d.routes['chat'] = { tiers: [['gpt-4.1@openai']], limits: { maxAttempts: 4 } }
      }),
      'routes.chat.limits.maxAttempts',
    ],
    [
      'an unknown field',
      file((d) => {
        d.routes['chat'] = { tiers: [['gpt-4.1@openai']], timeouts: { firstTokenTimeout: 5 } }
      }),
      'firstTokenTimeout',
    ],
    [
      'an adapter that there is not',
      file((d) => {
        Object.assign(d.providers['openai'] ?? {}, { adapter: 'opnai' })
      }),
      'providers.openai.adapter: must be one of ',
    ],
    [
      'a tenant called admin',
      file((d) => {
        d.tenants['admin'] = {}
      }),
      'tenants.admin: is reserved for admin keys',
    ],
    [
      'a tenant with an unknown route',
      file((d) => {
        d.tenants['demo'] = { routes: ['nope'] }
      }),
      'tenants.demo.routes[0]: names a route that is not declared (found "nope")',
    ],
    [
      'a credential for another host',
      file((d) => {
        d.providers['openai'] = { ...d.providers['openai'], baseUrl: 'https://evil.example/v1' }
      }),
      'providers.openai.credential.host: must be the base URL\'s host "evil.example"',
    ],
    [
      'plain http',
      file((d) => {
        d.providers['openai'] = { ...d.providers['openai'], baseUrl: 'http://api.openai.com/v1' }
      }),
      'providers.openai.baseUrl: must be https',
    ],
    ['no object', 7, 'the file'],
    [
      'a name that is none',
      file((d) => {
        d.routes['Chat X'] = { tiers: [['gpt-4.1@openai']] }
      }),
      'routes["Chat X"]: a name is made of lower-case letters, digits, ".", "_" and "-", at most 64 of them (found "Chat X")',
    ],
    [
      'a target without a provider',
      file((d) => {
        d.targets['gpt-4.1'] = {}
      }),
      'targets["gpt-4.1"]: a target is named "model@provider" (found "gpt-4.1")',
    ],
    [
      'a tier of something else',
      file((d) => {
        d.routes['chat'] = { tiers: [[5]] }
      }),
      'routes.chat.tiers[0][0]: must be "model@provider", or an object with "target" and "weight" (found 5)',
    ],
    [
      'a tier entry that lacks its target',
      file((d) => {
        d.routes['chat'] = { tiers: [[{ weight: 1 }]] }
      }),
      'routes.chat.tiers[0][0].target: ',
    ],
    [
      'a field at the top that nobody knows',
      { ...file(), routez: { chat: 1 } },
      'routez: is no field that is known here (found {"chat":1})',
    ],
    [
      'several fields that nobody knows, each at its place',
      { ...file(), one: 1, two: 2 },
      'two: is no field that is known here (found 2)',
    ],
    [
      'a provider that only every object has',
      file((d) => {
        d.targets['x@constructor'] = {}
      }),
      'targets["x@constructor"]: names a provider that is not declared (found "constructor")',
    ],
    [
      'a route that only every object has',
      file((d) => {
        d.tenants['demo'] = { routes: ['constructor'] }
      }),
      'tenants.demo.routes[0]: names a route that is not declared (found "constructor")',
    ],
    [
      'a place whose name needs quotes',
      file((d) => {
        d.routes['4.1'] = { tiers: [['gpt-9@openai']] }
      }),
      'routes["4.1"].tiers[0][0]: names a target that is not declared (found "gpt-9@openai")',
    ],
    [
      'nobody who may call',
      file((d) => {
        d.tenants = {}
      }),
      'tenants: must name at least one tenant (found {})',
    ],
    ...['https://App.example', 'https://app.example/', 'app.example', 'https://', 'null'].map(
      (origin): [string, unknown, string] => [
        `the origin ${origin}`,
        { ...file(), cors: { origins: ['*', origin] } },
        `cors.origins[1]: must be an origin such as "https://app.example" (lower case, no path, no default port), or "*" (found "${origin}")`,
      ],
    ),
  ])('refuses %s and says where', (_name, raw, expected) => {
    expect(problems(raw)).toContain(expected)
  })

  it('takes origins as browsers send them', () => {
    const origins = ['https://app.example', 'http://localhost:5173', 'tauri://localhost', '*']
    expect(problems({ ...file(), cors: { origins } })).toBe('')
  })

  it('gives the same version to the same content and another to any change', () => {
    const version = (raw: unknown) => {
      const read = readConfig(raw, switches)
      return read.ok ? read.version : null
    }
    expect(version(file())).toBe(version(file()))
    expect(
      version(
        file((d) => {
          d.tenants['other'] = {}
        }),
      ),
    ).not.toBe(version(file()))
  })
})

describe('baseUrlRule()', () => {
  it.each([
    'https://api.openai.com/v1',
    'https://${AZURE_OPENAI_RESOURCE}.openai.azure.com',
    'https://api.cloudflare.com/client/v4/accounts/${CLOUDFLARE_ACCOUNT_ID}',
  ])('allows %s', (url) => {
    expect(baseUrlRule(url, switches)).toBeNull()
  })

  it.each([
    'http://api.openai.com',
    'ftp://api.openai.com',
    'api.openai.com',
    '//api.openai.com',
    'javascript:alert(1)',
    'data:text/plain,x',
    'https://',
    'https://127.0.0.1',
    'https://localhost',
    'https://[::1]',
    'https://[::ffff:127.0.0.1]',
    'https://0.0.0.0',
    'https://2130706433',
    'https://0x7f000001',
    'https://0177.0.0.1',
    'https://127.1',
    'https://10.0.0.1',
    'https://172.16.0.1',
    'https://192.168.1.1',
    'https://169.254.169.254',
    'https://100.64.0.1',
    'https://[fe80::1]',
    'https://[fd00::1]',
    'https://[64:ff9b::7f00:1]',
    'https://[2002:7f00:1::]',
    'https://metadata.google.internal',
    'https://intranet',
    'https://host.local',
    'https://a.localhost',
    'https://x.onion',
    'https://user@api.openai.com',
    'https://user:pass@api.openai.com',
    'https://api.openai.com@evil.example',
    'https://api.openai.com#@evil.example',
    'https://api.openai.com?x=1',
    'https://api.openai.com/\\evil',
    'https://api.openai.com\\@evil.example',
    'https://api.openai.com:8443',
    'https://api.openai.com.',
    'https://api.openai.com /v1',
    'https://api.openai\t.com',
    'https://api.openai.com\n',
    'https://аpi.openai.com',
    'https://xn--pi-7ka.1',
    'https://api%2eopenai.com',
    'https://API.openai.com%00',
    'https://1.2.3.4.5',
    'https://8.8.8.8',
    'https://[2606:4700::1111]',
    'https://①②⑦.⓪.⓪.①',
    'https://127.0.0.1.',
    'https://localhost.',
    'https://foo.internal',
  ])('refuses %s', (url) => {
    expect(baseUrlRule(url, switches)).not.toBeNull()
  })

  it('allows loopback only with the local switch', () => {
    for (const url of ['http://127.0.0.1:8788/openai', 'http://localhost:1', 'http://[::1]:9']) {
      expect(baseUrlRule(url, { local: true })).toBeNull()
      expect(baseUrlRule(url, switches)).not.toBeNull()
    }
    for (const url of ['http://10.0.0.1', 'http://169.254.169.254', 'http://example.com'])
      expect(baseUrlRule(url, { local: true })).not.toBeNull()
  })
})
