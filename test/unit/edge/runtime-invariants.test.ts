import { describe, expect, it } from 'vitest'
import { readConfig } from '../../../worker/edge/config.ts'
import { candidates, createRuntime, nameSpace, type Runtime } from '../../../worker/edge/runtime.ts'

const routes = {
  providers: {
    openai: {
      adapter: 'openai',
      baseUrl: 'https://api.openai.com/v1/',
      credential: { kind: 'bearer', secret: 'OPENAI_API_KEY', host: 'api.openai.com' },
    },
    azure: {
      adapter: 'azure-openai',
      baseUrl: 'https://${RESOURCE}.openai.azure.com',
      credential: {
        kind: 'header',
        name: 'api-key',
        secret: 'AZURE_KEY',
        host: '${RESOURCE}.openai.azure.com',
      },
    },
  },
  targets: {
    'gpt-4.1@openai': {},
    'o3-mini@openai': {},
    'gpt-audio@openai': {},
    'unheard-of@openai': {},
    'gpt-4.1@azure': { upstreamModel: 'my-deployment' },
  },
  routes: { chat: { tiers: [['gpt-4.1@openai'], ['gpt-4.1@azure']] } },
  tenants: { demo: {}, narrow: { routes: ['chat'], directTargets: false } },
}

const keys = { OPENAI_API_KEY: 'sk-1', AZURE_KEY: 'k', RESOURCE: 'mine' }

function runtimeOf(variables: Readonly<Record<string, unknown>>): Runtime {
  const read = readConfig(routes, { local: false })
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  return createRuntime(read.config, read.version, variables)
}

function unavailable(runtime: Runtime, target: string): string | null | undefined {
  const tiers = runtime.tiers.get('chat') ?? []
  return candidates(runtime, tiers, () => nothingAgainst).find((one) => one.target === target)
    ?.unavailable
}

const nothingAgainst = { health: undefined, notBeforeMs: 0 }

describe('createRuntime()', () => {
  it('fills addresses in and binds each credential to its host', () => {
    const { targets } = runtimeOf(keys)
    expect(targets.get('gpt-4.1@openai')?.provider).toMatchObject({
      baseUrl: 'https://api.openai.com/v1',
      credential: { host: 'api.openai.com' },
    })
    expect(targets.get('gpt-4.1@azure')?.provider.credential?.host).toBe('mine.openai.azure.com')
  })

  it('gives a provider without its secret no credential, and takes its targets out', () => {
    for (const missing of ['OPENAI_API_KEY', 'AZURE_KEY', 'RESOURCE']) {
      const runtime = runtimeOf({ ...keys, [missing]: '' })
      const target = missing === 'OPENAI_API_KEY' ? 'gpt-4.1@openai' : 'gpt-4.1@azure'
      expect(runtime.targets.get(target)?.provider.credential).toBeNull()
      expect(unavailable(runtime, target)).toBe(`${missing} is not set here`)
    }
    expect(unavailable(runtimeOf(keys), 'gpt-4.1@openai')).toBeNull()
  })

  it.each(['evil.example/', 'evil.example#', 'evil.example?', 'a@evil.example/', '..\\', 'a b'])(
    'refuses %s in the place of a resource name: a variable may not choose the host',
    (resource) => {
      expect(() => runtimeOf({ ...keys, RESOURCE: resource })).toThrow(/baseUrl|URL/)
    },
  )

  it('lets the simulator play a provider without a secret, locally only', () => {
    const simulator = { SWITCHYARD_SIMULATOR_URL: 'http://127.0.0.1:8788' }
    const local = runtimeOf({ ...simulator, SWITCHYARD_LOCAL: '1' })
    expect(local.targets.get('gpt-4.1@openai')?.provider).toMatchObject({
      baseUrl: 'http://127.0.0.1:8788/openai',
      credential: { host: '127.0.0.1:8788' },
    })
    const deployed = runtimeOf(simulator)
    expect(deployed.targets.get('gpt-4.1@openai')?.provider.credential).toBeNull()
  })

  it('never sends a real key to the simulator', async () => {
    const variables = {
      ...keys,
      SWITCHYARD_SIMULATOR_URL: 'http://127.0.0.1:8788',
      SWITCHYARD_LOCAL: '1',
    }
    const { provider } = runtimeOf(variables).targets.get('gpt-4.1@openai') ?? {}
    expect(provider?.baseUrl).toBe('https://api.openai.com/v1')
    const played = runtimeOf({ ...variables, OPENAI_API_KEY: '' }).targets.get('gpt-4.1@openai')
    const url = 'http://127.0.0.1:8788/openai'
    const signed = await played?.provider.credential?.sign(url, 'POST', {}, null)
    expect(signed).toEqual({ authorization: 'Bearer simulated' })
  })

  it('takes features away for what a model cannot do, and none for what is unknown', () => {
    const { targets } = runtimeOf(keys)
    const features = (name: string) => targets.get(name)?.standing.features ?? new Set()
    expect(features('gpt-4.1@openai').has('imageUrl')).toBe(true)
    expect(features('o3-mini@openai').has('imageUrl')).toBe(false)
    expect(features('unheard-of@openai').has('imageUrl')).toBe(true)
    expect(targets.get('unheard-of@openai')?.facts).toBeNull()
    expect(features('o3-mini@openai').has('reasoning')).toBe(true)
    // The catalog knows this model and is silent about PDFs.
    expect(targets.get('o3-mini@openai')?.adapterTarget.facts).not.toHaveProperty('pdfInput')
    expect(features('o3-mini@openai').has('fileBase64')).toBe(true)
    expect(features('gpt-4.1@openai').has('reasoning')).toBe(false)
    expect(features('gpt-audio@openai').has('jsonSchema')).toBe(false)
  })

  it('keeps absent prices and windows unknown', () => {
    const runtime = runtimeOf(keys)
    const [found] = candidates(
      runtime,
      [[{ target: 'unheard-of@openai', weight: 1 }]],
      () => nothingAgainst,
    )
    expect(found).toMatchObject({
      contextTokens: null,
      maxOutputTokens: null,
      inputUsdPerMillion: null,
      outputUsdPerMillion: null,
    })
  })
})

describe('nameSpace()', () => {
  it('is nothing for a tenant that is not configured', () => {
    expect(nameSpace(runtimeOf(keys), 'nobody')).toBeNull()
  })

  it('carries the rights of the tenant', () => {
    expect(nameSpace(runtimeOf(keys), 'narrow')).toMatchObject({
      allowedRoutes: ['chat'],
      directTargets: false,
    })
  })
})
