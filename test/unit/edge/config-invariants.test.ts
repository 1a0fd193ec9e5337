import { describe, expect, it } from 'vitest'
import { baseUrlRule, readConfig } from '../../../worker/edge/config.ts'
import { createProvider } from '../../../worker/edge/provider.ts'

describe('baseUrlRule()', () => {
  it('refuses user info on loopback too', () => {
    for (const url of ['http://user:pass@127.0.0.1:8788', 'http://user@localhost'])
      expect(baseUrlRule(url, { local: true })).toBe('must not carry user info')
  })

  it('refuses a host in capitals, to which no credential would ever be sent', () => {
    for (const url of ['https://API.openai.com/v1', 'https://${NAME}.OpenAI.azure.com'])
      expect(baseUrlRule(url, { local: false })).toBe('must spell its host plainly, in lower case')
  })
})

describe('createProvider()', () => {
  const providerOf = (baseUrl: string, host: string) => {
    const read = readConfig(
      {
        providers: {
          p: { adapter: 'openai', baseUrl, credential: { kind: 'bearer', secret: 'KEY', host } },
        },
        targets: { 'm@p': {} },
        routes: { r: { tiers: [['m@p']] } },
        tenants: { demo: {} },
      },
      { local: false },
    )
    if (!read.ok) throw new Error(JSON.stringify(read.problems))
    const config = read.config.providers['p']
    if (config === undefined) throw new Error('no provider')
    return createProvider('p', config, { KEY: 'sk-1', NAME: 'My-Resource' })
  }

  it('signs what it calls, however a variable spells the host', () => {
    const { baseUrl, credential } = providerOf(
      'https://${NAME}.openai.azure.com/Path',
      '${NAME}.openai.azure.com',
    )
    expect(baseUrl).toBe('https://my-resource.openai.azure.com/Path')
    expect(credential?.sign(`${baseUrl}/chat`, 'POST', {}, '{}')).toEqual({
      authorization: 'Bearer sk-1',
    })
  })
})
