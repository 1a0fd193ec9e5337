import { describe, expect, it } from 'vitest'
import { requestLike } from '../../../worker/edge/request-templates.ts'

const init = (headers: HeadersInit, method = 'POST'): RequestInit => ({
  method,
  headers,
  body: '{"model":"m"}',
  redirect: 'manual',
  signal: new AbortController().signal,
})
const url = 'https://api.example/v1/messages'

describe('what calls have in common', () => {
  it('is one request with their address, their headers and how redirects are met, without a body', () => {
    const headers = new Headers({ authorization: 'Bearer k', accept: 'application/json' })
    const like = requestLike(url, init(headers))
    expect(like).toMatchObject({ url, method: 'POST', redirect: 'manual', body: null })
    expect(Object.fromEntries(like?.headers ?? [])).toEqual(Object.fromEntries(headers))
    expect(requestLike(url, init(headers))).toBe(like)
  })

  it('is another one for another address, and for other headers', () => {
    const headers = new Headers({ authorization: 'Bearer k' })
    const like = requestLike(url, init(headers))
    const elsewhere = requestLike('https://eu.example/v1/messages', init(headers))
    expect(elsewhere?.url).toBe('https://eu.example/v1/messages')
    const other = requestLike(url, init(new Headers({ authorization: 'Bearer other' })))
    expect(other?.headers.get('authorization')).toBe('Bearer other')
    expect(requestLike(url, init(headers))).toBe(like)
  })

  it('does not follow the signal of one call', () => {
    const headers = new Headers()
    const leaving = new AbortController()
    const like = requestLike(url, { ...init(headers), signal: leaving.signal })
    leaving.abort()
    expect(like?.signal.aborted).toBe(false)
  })

  it('is nothing where the headers are the own of one call, or nothing is posted', () => {
    expect(requestLike(url, init({ authorization: 'AWS4-HMAC-SHA256 …' }))).toBeNull()
    const { body: _body, ...get } = init(new Headers(), 'GET')
    expect(requestLike(url, get)).toBeNull()
  })

  it('is forgotten where there are more addresses than a configuration has', () => {
    const headers = new Headers()
    const first = requestLike(`${url}?0`, init(headers))
    for (let index = 1; index < 256; index += 1) requestLike(`${url}?${index}`, init(headers))
    expect(requestLike(`${url}?0`, init(headers))).toBe(first)
    requestLike(`${url}?256`, init(headers))
    expect(requestLike(`${url}?0`, init(headers))).not.toBe(first)
  })
})
