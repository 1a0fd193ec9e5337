import { describe, expect, it } from 'vitest'
import {
  classifyStatus,
  cleanMessage,
  durationMs,
  httpDateMs,
  messageOr,
  parseRetryAfterMs,
  retryAfterFromMessageMs,
} from '../../../worker/providers/failures.ts'

describe('classifyStatus()', () => {
  it.each([
    [400, 'bad_request'],
    [401, 'auth'],
    [402, 'quota_exhausted'],
    [403, 'auth'],
    [404, 'bad_request'],
    [408, 'timeout'],
    [422, 'bad_request'],
    [429, 'rate_limited'],
    [500, 'server_error'],
    [502, 'server_error'],
    [503, 'overloaded'],
    [504, 'server_error'],
    [529, 'overloaded'],
  ])('reads %i as %s', (status, failureClass) => {
    expect(classifyStatus(status)).toBe(failureClass)
  })
})

describe('cleanMessage()', () => {
  it.each([
    'sk-proj-abcdEFGH1234',
    'sk-ant-api03-abcdEFGH1234',
    'Bearer abcdef.ghi',
    'AKIAIOSFODNN7EXAMPLE',
    'AIzaSyA-1234567890abcdefghijklmnopqrstu',
    'gsk_abcdefghijklmnop1234',
    'hf_abcdefghijklmnop1234',
    'not-a-r****key',
    'org-abcDEF123456',
    'eyJhbGciOiJIUzI1.eyJzdWIiOiIx.sig',
    '0123456789abcdef0123456789abcdef',
    'Zz9Yy8Xx7Ww6Vv5Uu4Tt3Ss2Rr1Qq0Pp9Oo8Nn7Mm6Ll5Kk4Jj3',
  ])('hides %s', (secret) => {
    expect(cleanMessage(`Incorrect key provided: ${secret}, see the docs`)).toBe(
      'Incorrect key provided: [redacted], see the docs',
    )
  })

  it('leaves words and model names as they are', () => {
    const message =
      'The model meta-llama/llama-4-maverick-17b-128e-instruct-and-more-of-its-name does not exist'
    expect(cleanMessage(message)).toBe(message)
  })

  it('says nothing in place of a web page, and stays one short line', () => {
    for (const page of ['<!DOCTYPE html><p>10.0.0.7', ' <html>x', '<?xml version="1.0"?>'])
      expect(cleanMessage(page)).toBe('')
    expect(cleanMessage('a\r\n\u0000b\t c')).toBe('a b c')
    expect(cleanMessage('word '.repeat(1000)).length).toBeLessThanOrEqual(500)
    expect(messageOr('<html>', 502)).toBe('the provider answered 502')
  })
})

describe('parseRetryAfterMs()', () => {
  const wait = (headers: Readonly<Record<string, string>>, nowMs?: number) =>
    parseRetryAfterMs(new Map(Object.entries(headers)), nowMs)

  it('reads milliseconds first, then seconds, then a date by the clock it is given', () => {
    expect(wait({ 'retry-after-ms': '1500', 'retry-after': '9' })).toBe(1500)
    expect(wait({ 'retry-after': '9' })).toBe(9000)
    expect(wait({ 'retry-after': '0.5' })).toBe(500)
    const date = 'Fri, 20 Nov 2026 17:47:14 GMT'
    expect(wait({ 'retry-after': date }, Date.parse(date) - 5000)).toBe(5000)
    expect(wait({ 'retry-after': date }, Date.parse(date) + 5000)).toBe(0)
    expect(wait({ 'retry-after': date })).toBeUndefined()
  })

  it("does not take Azure's `retry-after-ms: 0` beside `retry-after: 1` for no wait", () => {
    expect(wait({ 'retry-after-ms': '0', 'retry-after': '1' })).toBe(1000)
  })

  it('waits for the latest of the limits that are used up, and for no other', () => {
    const limits = {
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': '7s',
      'x-ratelimit-remaining-tokens': '0',
      'x-ratelimit-reset-tokens': '1m2s',
      'x-ratelimit-remaining-images': '3',
      'x-ratelimit-reset-images': '9h',
    }
    expect(wait(limits)).toBe(62_000)
    const {
      'x-ratelimit-reset-tokens': tokens,
      'x-ratelimit-reset-requests': requests,
      ...rest
    } = limits
    const turned = {
      ...rest,
      'x-ratelimit-reset-tokens': tokens,
      'x-ratelimit-reset-requests': requests,
    }
    expect(wait(turned)).toBe(62_000)
  })

  it('says nothing where nothing sensible is said', () => {
    for (const headers of [
      {},
      { 'retry-after': 'soon' },
      { 'retry-after': '-5' },
      { 'retry-after-ms': 'NaN' },
    ])
      expect(wait(headers)).toBeUndefined()
  })
})

describe('durationMs(), httpDateMs() and retryAfterFromMessageMs()', () => {
  it('read the spellings of the vendors', () => {
    expect(durationMs('1m26.4s')).toBe(86_400)
    expect(durationMs('12ms')).toBe(12)
    expect(durationMs('2h')).toBe(7_200_000)
    expect(durationMs('a while')).toBeUndefined()
    expect(retryAfterFromMessageMs('Please try again in 1.574s. Visit')).toBe(1574)
    expect(retryAfterFromMessageMs('Please retry after 10 seconds.')).toBe(10_000)
    expect(retryAfterFromMessageMs('retry in 7m12s')).toBe(432_000)
    expect(retryAfterFromMessageMs('try again later')).toBeUndefined()
  })

  it('agree with the clock of the platform on every kind of day', () => {
    for (const text of [
      'Thu, 29 Feb 2024 23:59:59 GMT',
      'Fri, 01 Mar 2024 00:00:00 GMT',
      'Thu, 31 Dec 2099 12:00:00 GMT',
      'Thu, 01 Jan 1970 00:00:00 GMT',
    ])
      expect(httpDateMs(text)).toBe(Date.parse(text))
    expect(httpDateMs('Thu, 01 Foo 1970 00:00:00 GMT')).toBeUndefined()
  })
})
