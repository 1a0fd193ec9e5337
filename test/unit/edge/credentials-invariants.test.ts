import { describe, expect, it } from 'vitest'
import {
  type BoundCredential,
  headerCredential,
  noCredential,
  sigv4Credential,
} from '../../../worker/edge/credentials.ts'

const secret = 'sk-upstream-1'
const host = 'api.vendor.example'
const credentials: readonly (readonly [string, BoundCredential])[] = [
  ['a header', headerCredential(host, 'authorization', `Bearer ${secret}`)],
  ['none', noCredential(host)],
  [
    'SigV4',
    sigv4Credential(host, {
      accessKeyId: 'AKIDEXAMPLE',
      secretAccessKey: secret,
      service: 'bedrock',
      region: 'us-east-1',
    }),
  ],
]

async function sign(credential: BoundCredential, url: string) {
  return credential.sign(url, 'POST', { accept: 'x' }, '{}')
}

describe.each(credentials)('a credential of %s', (_kind, credential) => {
  it.each([
    'https://evil.example/v1',
    'https://api.vendor.example.evil.example/v1',
    'https://api.vendor.example:8443/v1',
    'https://sub.api.vendor.example/v1',
    'https://api.vendor.example@evil.example/v1',
    'https://API.VENDOR.EXAMPLE.evil.example',
    'http://127.0.0.1/',
  ])('never leaves for %s', async (url) => {
    await expect(async () => sign(credential, url)).rejects.toThrow('not bound')
  })

  it('goes to its own host, and keeps the headers of the call', async () => {
    const headers = await sign(credential, `https://${host}/v1/chat?x=1`)
    expect(headers).toMatchObject({ accept: 'x' })
  })
})

describe('headerCredential()', () => {
  it('adds its one header', async () => {
    const [, credential] = credentials[0] ?? []
    expect(await credential?.sign(`https://${host}/`, 'POST', {}, null)).toEqual({
      authorization: `Bearer ${secret}`,
    })
  })

  it('signs a constant once, and anew whatever may change', async () => {
    const [, credential] = credentials[0] ?? []
    const url = `https://${host}/`
    const constant = Object.freeze({ accept: 'x' })
    const once = await credential?.sign(url, 'POST', constant, null)
    expect(once).toEqual({ accept: 'x', authorization: `Bearer ${secret}` })
    expect(await credential?.sign(url, 'POST', constant, null)).toBe(once)
    expect(Object.isFrozen(once)).toBe(true)
    const own = { accept: 'x' }
    await credential?.sign(url, 'POST', own, null)
    own.accept = 'y'
    expect(await credential?.sign(url, 'POST', own, null)).toMatchObject({ accept: 'y' })
    await expect(async () =>
      credential?.sign('https://evil.example/', 'POST', constant, null),
    ).rejects.toThrow('not bound')
  })

  it('is bound to a port where it names one', async () => {
    const local = headerCredential('127.0.0.1:8788', 'authorization', secret)
    await expect(async () => sign(local, 'http://127.0.0.1:8789/')).rejects.toThrow('not bound')
    expect(await sign(local, 'http://127.0.0.1:8788/')).toMatchObject({ authorization: secret })
  })
})

describe('sigv4Credential()', () => {
  it('signs the body, and sends no secret', async () => {
    const [, credential] = credentials[2] ?? []
    const url = `https://${host}/model/m/converse`
    const one = await credential?.sign(url, 'POST', {}, '{"a":1}')
    const two = await credential?.sign(url, 'POST', {}, '{"a":2}')
    expect(one?.['authorization']).toMatch(/^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\//)
    expect(JSON.stringify(one)).not.toContain(secret)
    expect(one?.['authorization']).not.toBe(two?.['authorization'])
  })
})
