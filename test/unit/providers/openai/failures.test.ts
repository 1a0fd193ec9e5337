import { describe, expect, test } from 'vitest'
import {
  classifyStatus,
  cleanMessage,
  durationMs,
  httpDateMs,
  parseRetryAfterMs,
  refusedCredential,
  retryAfterFromMessageMs,
  saysContextLength,
  saysModelMissing,
} from '../../../../worker/providers/failures.ts'
import { adapterOf } from '../../../../worker/providers/index.ts'
import { recorded } from '../../../support/recorded-exchange.ts'

const none: ReadonlyMap<string, string> = new Map()

function failureOf(id: string, folder: string) {
  const { status, headers, text } = recorded(id, folder)
  return adapterOf(id)?.decodeFailure(status, headers, text)
}

function read(status: number, body: unknown, id = 'openai', headers = none) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return adapterOf(id)?.decodeFailure(status, headers, text)
}

describe('decodeFailure()', () => {
  test.each([
    [
      'openai',
      'err400-openai-gpt-5-mini-completions-7e2534',
      { class: 'bad_request', param: 'stop' },
    ],
    [
      'openai',
      'err401-auth-error-openai-gpt-4o-completions-27e5b3',
      { class: 'auth', message: refusedCredential },
    ],
    [
      'openai',
      'err404-model-not-found-openai-client-async-error-cb0eab',
      { class: 'bad_request', targetFault: true },
    ],
    [
      'openai',
      'err429-rate-limit-rate-limit-tpm-429-991c11',
      { class: 'rate_limited', retryAfterMs: 1574 },
    ],
    ['azure-openai', 'err404-chat-reasoning-022385', { class: 'bad_request', targetFault: true }],
    [
      'azure-foundry',
      'err429-rate-limit-chat-real-error-scenarios-azure-grok-4-1-fast-non-reason-493e2c',
      { class: 'rate_limited', retryAfterMs: 1000 },
    ],
    ['groq', 'err413-request-too-large-413-6ce4b8', { class: 'rate_limited' }],
    [
      'deepseek',
      'err400-context-length-chat-real-error-scenarios-deepseek-deepseek-chat-handles-e11406',
      { class: 'context_length' },
    ],
    [
      'llamacpp',
      'err400-context-length-context-overflow-blocking-c8c324',
      { class: 'context_length' },
    ],
    [
      'openrouter',
      'err400-routed-failure-error-shape-bf83a1',
      { class: 'bad_request', targetFault: true },
    ],
    [
      'openrouter',
      'err429-rate-limit-openrouter-errors-raised-0b6ae4',
      {
        class: 'rate_limited',
        message: expect.stringContaining('temporarily rate-limited upstream'),
      },
    ],
  ])('names the recorded error %s %s', (id, folder, expected) => {
    expect(failureOf(id, folder)).toMatchObject(expected)
  })

  test.each([
    [429, { error: { code: 'insufficient_quota', type: 'insufficient_quota' } }, 'quota_exhausted'],
    [429, { error: { code: 'credit_balance_exhausted' } }, 'quota_exhausted'],
    [429, { error: { code: 'organization_spend_limit_exceeded' } }, 'quota_exhausted'],
    [
      429,
      { error: { message: 'You exceeded your current quota, please check' } },
      'quota_exhausted',
    ],
    [
      402,
      { error: { message: 'Insufficient Balance', code: 'invalid_request_error' } },
      'quota_exhausted',
    ],
    [429, { error: { type: 'too_many_requests_error', code: 'queue_exceeded' } }, 'overloaded'],
    [429, { error: { type: 'requests', code: null } }, 'rate_limited'],
    [503, { error: { code: 'server_is_overloaded' } }, 'overloaded'],
    [529, 'overloaded', 'overloaded'],
    [498, { error: { code: 'capacity_exceeded' } }, 'overloaded'],
    [500, { error: { type: 'server_error' } }, 'server_error'],
    [503, { error: { type: 'server_error' } }, 'overloaded'],
    [504, '<html><body>Gateway Timeout</body></html>', 'server_error'],
    [400, { error: { code: 'context_length_exceeded' } }, 'context_length'],
    [413, { error: { code: 'tokens_limit_reached' } }, 'context_length'],
    [
      400,
      { error: { code: 'content_filter', innererror: { code: 'ResponsibleAIPolicyViolation' } } },
      'content_policy',
    ],
    [403, { error: { message: 'Content violates usage guidelines.' } }, 'content_policy'],
    [403, { error: { message: 'No permission' } }, 'auth'],
    [400, { error: 'Incorrect API key provided: xa***ey' }, 'auth'],
    [422, { detail: [{ loc: ['body', 'n'], msg: 'too large' }] }, 'bad_request'],
  ])('reads %i %j as %s', (status, body, expected) => {
    expect(read(status, body)?.class).toBe(expected)
  })

  test('reads the vendor’s own codes first', () => {
    expect(read(429, { error: { code: '1113', message: 'x' } }, 'zai')?.class).toBe(
      'quota_exhausted',
    )
    expect(read(429, { error: { code: '1113', message: 'x' } }, 'openai')?.class).toBe(
      'rate_limited',
    )
  })

  test('marks slow_down as a ramp', () => {
    expect(read(429, { error: { code: 'slow_down' } })).toMatchObject({
      class: 'rate_limited',
      ramp: true,
    })
  })

  test('does not show a web page, and says the status instead', () => {
    expect(read(502, '<!DOCTYPE html><title>Bad gateway</title>')?.message).toBe(
      'the provider answered 502',
    )
  })

  test('blames the target, not the caller, for any 404', () => {
    expect(read(404, { error: { code: '404', message: 'Resource not found' } })).toMatchObject({
      class: 'bad_request',
      targetFault: true,
    })
  })
})

describe('classifyStatus()', () => {
  test.each([
    [400, 'bad_request'],
    [401, 'auth'],
    [402, 'quota_exhausted'],
    [408, 'timeout'],
    [422, 'bad_request'],
    [429, 'rate_limited'],
    [500, 'server_error'],
    [502, 'server_error'],
    [503, 'overloaded'],
    [529, 'overloaded'],
    [302, 'server_error'],
  ] as const)('reads %i as %s', (status, expected) => {
    expect(classifyStatus(status)).toBe(expected)
  })
})

describe('parseRetryAfterMs()', () => {
  const headers = (fields: Record<string, string>) => new Map(Object.entries(fields))

  test.each([
    [{ 'retry-after': '2' }, 2000],
    [{ 'retry-after': '0.25' }, 250],
    [{ 'retry-after-ms': '1500', 'retry-after': '2' }, 1500],
    [{ 'retry-after-ms': '0', 'retry-after': '1' }, 1000],
    [{ 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '1m26.4s' }, 86_400],
    [{ 'x-ratelimit-remaining-tokens': '12', 'x-ratelimit-reset-tokens': '6m0s' }, undefined],
    [{ 'x-ratelimit-reset': '1795196834000' }, undefined],
    [{ 'retry-after': 'soon' }, undefined],
  ])('reads %j as %s ms', (fields, expected) => {
    expect(parseRetryAfterMs(headers(fields))).toBe(expected)
  })

  test('reads dates when it is told the time', () => {
    const nowMs = Date.UTC(2026, 10, 20, 17, 47, 0)
    const date = headers({ 'retry-after': 'Fri, 20 Nov 2026 17:47:14 GMT' })
    expect(parseRetryAfterMs(date, nowMs)).toBe(14_000)
    expect(parseRetryAfterMs(date, nowMs + 60_000)).toBe(0)
    expect(parseRetryAfterMs(headers({ 'x-ratelimit-reset': String(nowMs + 5000) }), nowMs)).toBe(
      5000,
    )
  })
})

describe('httpDateMs()', () => {
  test('agrees with the calendar on every day of two centuries', () => {
    for (let ms = 0; ms < Date.UTC(2170, 0, 1); ms += 86_400_000 + 3_661_000)
      expect(httpDateMs(new Date(ms).toUTCString())).toBe(ms)
  })
})

describe('durationMs()', () => {
  test.each([
    ['1m26.4s', 86_400],
    ['12ms', 12],
    ['6m0s', 360_000],
    ['1h2m3s', 3_723_000],
    ['33011.38', 33_011_380],
    ['', undefined],
    ['-1', undefined],
    ['5 apples', undefined],
  ])('reads %j as %s', (text, expected) => {
    expect(durationMs(text)).toBe(expected)
  })
})

describe('retryAfterFromMessageMs()', () => {
  test.each([
    ['Please try again in 1.574s. Visit', 1574],
    ['Please retry after 10 seconds.', 10_000],
    ['try again in 7m12s.', 432_000],
    ['retry after 2 minutes', 120_000],
    ['try again later', undefined],
  ])('reads %j as %s', (message, expected) => {
    expect(retryAfterFromMessageMs(message)).toBe(expected)
  })
})

describe('cleanMessage()', () => {
  test.each([
    'key sk-proj-abc123DEF456',
    'Authorization: Bearer abc.def-123',
    'gsk_0123456789abcdefghij',
    'AIzaSyA0123456789abcdefghijklmnopqrstuv',
    'AKIAIOSFODNN7EXAMPLE',
    'ends in not-a-r****key',
    'organization org-abcdef123456',
    'token 0123456789abcdef0123456789abcdef',
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln',
    `base64 ${'aB3'.repeat(15)}`,
  ])('hides what could be a secret in %j', (text) => {
    const cleaned = cleanMessage(text)
    expect(cleaned).toContain('[redacted]')
    const secret = text.split(' ').at(-1) ?? ''
    expect(cleaned).not.toContain(secret)
  })

  test.each([
    'The model `accounts/fireworks/models/llama-v3p1-405b-instruct` does not exist',
    "Invalid schema for function 'get_current_weather': In context=(), 'additionalProperties' is required",
  ])('leaves %j as it is', (text) => {
    expect(cleanMessage(text)).toBe(text)
  })

  test('gives one line of at most 500 characters', () => {
    const cleaned = cleanMessage(`a\nb\t\u0000c ${'word '.repeat(400)}`)
    expect(cleaned).toMatch(/^a b c word/)
    expect(cleaned.length).toBeLessThanOrEqual(500)
  })
})

describe('saysContextLength()', () => {
  test.each([
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens.",
    'Your input exceeds the context window of this model.',
    'prompt is too long: 210000 tokens > 200000 maximum',
    'input length and `max_tokens` exceed context limit: 1 + 2 > 3',
    'Input is too long for requested model.',
    'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).',
    "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
    'request (2009 tokens) exceeds the available context size (512 tokens), try increasing it',
    'Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length',
    'too many tokens: total number of tokens in the prompt cannot exceed 4081',
    'Invalid request: Your request exceeded model token limit: 262144 (requested: 300000)',
    'Prompt exceeds max length',
    'Range of input length should be [1, 30720]',
    'Please reduce the length of the messages or completion. Current length is 9000 while limit is 8192',
    '`inputs` tokens + `max_new_tokens` must be <= 4097',
    "This endpoint's maximum context length is 32768 tokens.",
  ])('knows %j', (message) => {
    expect(saysContextLength(message)).toBe(true)
  })

  test.each([
    "Unsupported parameter: 'max_tokens' is not supported with this model.",
    'Rate limit reached for requests',
    'Invalid value for max_tokens: must be at most 4096',
  ])('does not mistake %j', (message) => {
    expect(saysContextLength(message)).toBe(false)
  })
})

describe('saysModelMissing()', () => {
  test.each([
    'The model `gpt-9` does not exist or you do not have access to it.',
    'The model `gpt-3.5-turbo-0613` has been deprecated, learn more here',
    'openai/gpt-nonexistent is not a valid model ID',
    'No endpoints found for x/y.',
    'The API deployment for this resource does not exist.',
    'Unknown Model, please check the model code.',
    'model "llama9" not found, try pulling it first',
  ])('knows %j', (message) => {
    expect(saysModelMissing(message)).toBe(true)
  })

  test.each([
    "Unsupported parameter: 'stop' is not supported with this model.",
    "Invalid 'temperature': decimal above maximum value.",
    'Tool choice is required, but model did not call a tool',
  ])('does not mistake %j', (message) => {
    expect(saysModelMissing(message)).toBe(false)
  })
})
