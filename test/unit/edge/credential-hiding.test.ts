import { describe, expect, it } from 'vitest'
import {
  headerCredential,
  noCredential,
  sigv4Credential,
} from '../../../worker/edge/credentials.ts'

describe('hide()', () => {
  it('takes a bearer token out of a text, wherever it stands', () => {
    const { hide } = headerCredential('api.example.com', 'authorization', 'Bearer plain-secret-7')
    expect(hide('bad key plain-secret-7 (plain-secret-7)')).toBe('bad key [redacted] ([redacted])')
  })

  it('takes the value of any other header out', () => {
    const { hide } = headerCredential('api.example.com', 'x-api-key', 'plain-secret-7')
    expect(hide('x-api-key: plain-secret-7')).toBe('x-api-key: [redacted]')
  })

  it('takes every part of an AWS credential out', () => {
    const { hide } = sigv4Credential('bedrock.example.com', {
      accessKeyId: 'access-key-1',
      secretAccessKey: 'secret-key-2',
      sessionToken: 'session-token-3',
      service: 'bedrock',
      region: 'us-east-1',
    })
    expect(hide('access-key-1 secret-key-2 session-token-3 us-east-1')).toBe(
      '[redacted] [redacted] [redacted] us-east-1',
    )
  })

  it('leaves a text alone that quotes no secret, and short words that are none', () => {
    const { hide } = headerCredential('api.example.com', 'x-api-key', 'demo')
    expect(hide('a demo answered')).toBe('a demo answered')
    expect(noCredential('api.example.com').hide('anything')).toBe('anything')
  })
})
