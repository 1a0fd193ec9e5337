import { describe, expect, it } from 'vitest'
import { readConfig } from '../../../worker/edge/config.ts'
import { candidates, createRuntime, nameSpace, type Runtime } from '../../../worker/edge/runtime.ts'

function keyed(adapter: string, baseUrl: string) {
  const credential = { kind: 'bearer', secret: 'KEY', host: new URL(baseUrl).host }
  return { adapter, baseUrl, credential }
}

const routes = {
  providers: {
    openai: {
      adapter: 'openai',
      baseUrl: 'https://api.openai.com/v1/',
      credential: { kind: 'bearer', secret: 'OPENAI_API_KEY', host: 'api.openai.com' },
    },
    bedrock: keyed('bedrock', 'https://bedrock.example'),
    openrouter: keyed('openrouter', 'https://openrouter.ai/api/v1'),
    deepinfra: keyed('deepinfra', 'https://api.deepinfra.com/v1/openai'),
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
    foundry: {
      adapter: 'azure-foundry',
      baseUrl: 'https://mine.services.ai.azure.com',
      credential: { kind: 'none' },
    },
    'openai-eu': {
      adapter: 'openai',
      baseUrl: 'https://eu.api.openai.com/v1',
      credential: { kind: 'bearer', secret: 'OPENAI_API_KEY', host: 'eu.api.openai.com' },
    },
    ollama: {
      adapter: 'ollama',
      baseUrl: 'https://${OLLAMA_HOST}',
      credential: { kind: 'bearer', secret: 'OLLAMA_API_KEY', host: '${OLLAMA_HOST}' },
    },
  },
  targets: {
    'gpt-4.1@openai': {},
    'o3-mini@openai': {},
    'gpt-audio@openai': {},
    'gpt-5-mini@openai': {},
    'unheard-of@openai': {},
    'claude-sonnet-4-5@bedrock': {
      upstreamModel: 'us.anthropic.claude-sonnet-4-5-20250929-v1:0',
    },
    'claude-sonnet-4-5@openrouter': { upstreamModel: 'anthropic/claude-sonnet-4.5' },
    'gemini-3.5-flash@openrouter': { upstreamModel: 'google/gemini-3.5-flash' },
    'gpt-oss-120b@deepinfra': { upstreamModel: 'openai/gpt-oss-120b' },
    'gemma-3-27b-it@deepinfra': { upstreamModel: 'google/gemma-3-27b-it' },
    'gpt-4.1@azure': { upstreamModel: 'my-deployment' },
    'gpt-4.1@foundry': {},
    'big@openai-eu': { catalogModel: 'gpt-4.1' },
    'llama3.3@ollama': { free: true },
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
    // A provider may be called anything: the simulator is told what to play.
    expect(local.targets.get('gpt-4.1@azure')?.provider.baseUrl).toBe(
      'http://127.0.0.1:8788/azure~azure-openai',
    )
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
    expect(signed).toEqual({ authorization: expect.stringMatching(/^Bearer sim-[0-9a-f]{16}$/) })
  })

  it('sends the simulator a secret that no message has a word of', () => {
    const local = runtimeOf({
      SWITCHYARD_SIMULATOR_URL: 'http://127.0.0.1:8788',
      SWITCHYARD_LOCAL: '1',
    })
    const { credential } = local.targets.get('gpt-4.1@openai')?.provider ?? {}
    const message = 'The simulated provider failed while answering.'
    expect(credential?.hide(message)).toBe(message)
  })

  it('prices a provider by its adapter where the catalog does not know its name', () => {
    const { targets } = runtimeOf(keys)
    expect(targets.get('gpt-4.1@azure')?.facts).toMatchObject({
      provider: 'azure-openai',
      model: 'gpt-4.1',
    })
    expect(targets.get('gpt-4.1@foundry')?.facts?.prices).toEqual(
      targets.get('gpt-4.1@azure')?.facts?.prices,
    )
    expect(targets.get('big@openai-eu')?.facts).toEqual(targets.get('gpt-4.1@openai')?.facts)
  })

  it('costs nothing where the operator says so, and is unknown where nobody says anything', () => {
    const { targets } = runtimeOf(keys)
    expect(targets.get('llama3.3@ollama')?.facts).toMatchObject({
      prices: { input: 0, output: 0 },
      free: true,
    })
    expect(targets.get('llama3.3@ollama')?.standing.inputUsdPerMillion).toBe(0)
    expect(targets.get('llama3.3@ollama')?.standing.features.has('tools')).toBe(true)
    expect(targets.get('unheard-of@openai')?.facts).toBeNull()
  })

  describe('a server of the operator, at an address that the environment names', () => {
    const ollama = (variables: Readonly<Record<string, string>>) =>
      runtimeOf({ ...keys, ...variables }).targets.get('llama3.3@ollama')?.provider
    const local = { SWITCHYARD_LOCAL: '1', SWITCHYARD_SIMULATOR_URL: 'http://127.0.0.1:8788' }

    it.each(['127.0.0.1:11434', 'localhost:11434', '[::1]:11434', 'localhost'])(
      'on this machine (%s) speaks plain http and needs no key',
      async (host) => {
        const provider = ollama({ ...local, OLLAMA_HOST: host })
        expect(provider).toMatchObject({ baseUrl: `http://${host}`, missing: [] })
        const signed = await provider?.credential?.sign(`http://${host}/api`, 'POST', {}, null)
        expect(signed).toEqual({})
        expect(provider?.credentialId).toBeNull()
      },
    )

    it('on this machine is sent its key where there is one', async () => {
      const provider = ollama({ ...local, OLLAMA_HOST: '127.0.0.1:1', OLLAMA_API_KEY: 'k' })
      const signed = await provider?.credential?.sign('http://127.0.0.1:1/api', 'POST', {}, null)
      expect(signed).toEqual({ authorization: 'Bearer k' })
    })

    it('anywhere else is called by https, with its key', () => {
      const host = { OLLAMA_HOST: 'models.example' }
      expect(ollama({ ...local, ...host, OLLAMA_API_KEY: 'k' })?.baseUrl).toBe(
        'https://models.example',
      )
      expect(ollama(host)?.missing).toEqual(['OLLAMA_API_KEY'])
      expect(ollama({ ...local, ...host })?.baseUrl).toBe('http://127.0.0.1:8788/ollama')
    })

    it('on this machine is refused where the local switch is not set', () => {
      expect(() => ollama({ OLLAMA_HOST: '127.0.0.1:11434', OLLAMA_API_KEY: 'k' })).toThrow(
        /a loopback host is for local development only/,
      )
    })

    it('says what broke the rule, and keeps the value out of the message, which is logged', () => {
      const broken = () => ollama({ ...local, OLLAMA_HOST: '10.0.0.1:11434', OLLAMA_API_KEY: 'k' })
      expect(broken).toThrow(
        expect.objectContaining({
          message: expect.not.stringContaining('10.0.0.1'),
          problems: [
            {
              path: 'providers.ollama.baseUrl',
              rule: expect.stringContaining('with its variables filled in, must'),
              value: 'https://10.0.0.1:11434',
            },
          ],
        }),
      )
    })
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

  it('reads the modalities of the catalog, where its list is more than a silence', () => {
    const { targets } = runtimeOf(keys)
    const features = (name: string) => targets.get(name)?.standing.features ?? new Set()
    expect(features('gpt-4.1@openai').has('audioInput')).toBe(false)
    expect(features('gpt-4.1@openai').has('audioOutput')).toBe(false)
    expect(features('gpt-audio@openai').has('audioInput')).toBe(true)
    expect(features('gpt-audio@openai').has('audioOutput')).toBe(true)
    for (const claude of ['claude-sonnet-4-5@bedrock', 'claude-sonnet-4-5@openrouter']) {
      expect(features(claude).has('audioInput')).toBe(false)
      expect(features(claude).has('videoInput')).toBe(false)
      expect(features(claude).has('imageBase64')).toBe(true)
    }
    // pi-ai's lists are of text and images alone: silence about sound is no "cannot".
    expect(features('gemini-3.5-flash@openrouter').has('audioInput')).toBe(true)
    expect(features('gpt-oss-120b@deepinfra').has('imageUrl')).toBe(false)
    // Known, and its source says nothing of what it reads.
    expect(features('gemma-3-27b-it@deepinfra').has('imageUrl')).toBe(true)
    expect(features('unheard-of@openai').has('audioOutput')).toBe(true)
  })

  it('takes away what the vendor says its model refuses, and counts stop sequences as its wire does', () => {
    const { targets } = runtimeOf(keys)
    const standing = (name: string) => targets.get(name)?.standing
    expect(standing('gpt-5-mini@openai')?.features.has('stop')).toBe(false)
    expect(standing('gpt-4.1@openai')?.features.has('stop')).toBe(true)
    expect(standing('gpt-4.1@openai')?.maxStopSequences).toBe(4)
    expect(standing('claude-sonnet-4-5@bedrock')).not.toHaveProperty('maxStopSequences')
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
