import { afterEach, describe, expect, it, vi } from 'vitest'
import { ConfigurationError } from '../../../worker/edge/config.ts'
import { logFault, logLine, logRequest } from '../../../worker/edge/log.ts'
import type { RequestRecord } from '../../../worker/engine/record.ts'

const secret = 'sk-upstream-1'

const record: RequestRecord = {
  requestId: 'req_1',
  tenant: 'demo',
  keyId: 'k1',
  dialect: 'openai-chat',
  operation: 'chat',
  stream: true,
  plumbing: 'relay',
  requestedModel: 'chat',
  route: 'chat',
  target: 'm@x',
  provider: 'x',
  model: 'm',
  region: 'us',
  attempts: [{ target: 'm@x', outcome: 'ok', durationMs: 3, firstTokenMs: 2 }],
  ending: 'finished',
  status: 200,
  finishReasons: ['stop'],
  usage: { inputTokens: 10, outputTokens: 2, cacheReadTokens: 4 },
  costNanoUsd: 1500,
  durationMs: 5,
  firstTokenMs: 2,
  reason: 'tier 1',
  configVersion: 'v1',
  colo: 'FRA',
}

afterEach(() => vi.restoreAllMocks())

describe('logLine()', () => {
  it('holds these fields and no others, whatever else the record grows', () => {
    const grown = {
      ...record,
      prompt: 'grandmother',
      headers: { authorization: secret },
      attempts: record.attempts.map((attempt) => ({ ...attempt, body: 'grandmother' })),
    }
    const line = JSON.stringify(logLine(grown))
    expect(line).not.toContain('grandmother')
    expect(line).not.toContain(secret)
    expect(logLine(grown)).toEqual(logLine(record))
  })

  it('tells route, target, attempts, tokens, finish, cost and reason', () => {
    expect(logLine(record)).toMatchObject({
      event: 'request',
      'switchyard.request.id': 'req_1',
      'switchyard.route': 'chat',
      'switchyard.target': 'm@x',
      'switchyard.attempts': [{ target: 'm@x', outcome: 'ok', duration_ms: 3, first_token_ms: 2 }],
      'gen_ai.usage.input_tokens': 10,
      'gen_ai.usage.cache_read.input_tokens': 4,
      'gen_ai.response.finish_reasons': ['stop'],
      'switchyard.cost_usd': '0.0000015',
      'switchyard.reason': 'tier 1',
    })
  })

  it('leaves out what is unknown instead of writing 0', () => {
    const { usage: _usage, costNanoUsd: _cost, ...unknown } = record
    const line = JSON.parse(JSON.stringify(logLine(unknown))) as object
    expect(line).not.toHaveProperty('gen_ai.usage.input_tokens')
    expect(line).not.toHaveProperty('switchyard.cost_usd')
  })
})

describe('logRequest() and logFault()', () => {
  it('write one line of JSON', () => {
    const lines: string[] = []
    vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line))
    logRequest({ ...record, reason: 'two\nlines' })
    expect(lines).toHaveLength(1)
    expect(lines[0]).not.toContain('\n')
  })

  it('tell where a fault happened, but not what it says, unless it is about the configuration', () => {
    const lines: string[] = []
    vi.spyOn(console, 'error').mockImplementation((line: string) => void lines.push(line))
    logFault('req_1', new TypeError(`cannot read ${secret}`))
    logFault('req_1', `thrown ${secret}`)
    expect(lines.join()).not.toContain(secret)
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ event: 'fault', 'error.type': 'TypeError' })
    logFault('req_1', new ConfigurationError('the secret X is not set'))
    expect(lines[2]).toContain('the secret X is not set')
  })
})
