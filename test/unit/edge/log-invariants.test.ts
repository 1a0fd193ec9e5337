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

describe('logRequest() and what is long', () => {
  const told = (of: RequestRecord) => {
    const printed = vi.spyOn(console, 'log').mockImplementation(() => undefined)
    const text = logRequest(of)
    expect(printed).toHaveBeenCalledWith(text)
    return { text, line: JSON.parse(text) as Record<string, unknown> }
  }
  const decisionOf = (characters: number) =>
    ({ v: 1, names: ['x'.repeat(characters)] }) as unknown as NonNullable<RequestRecord['decision']>

  it('leaves out a decision that makes the line longer than 80 kB, and says so', () => {
    const short = told({ ...record, decision: decisionOf(60_000) })
    expect(short.line).toHaveProperty('switchyard.decision')
    expect(short.line).not.toHaveProperty('switchyard.cut')
    const long = told({ ...record, decision: decisionOf(90_000) })
    expect(long.line).not.toHaveProperty('switchyard.decision')
    expect(long.line).toMatchObject({
      'switchyard.cut': ['switchyard.decision'],
      'switchyard.reason': 'tier 1',
    })
  })

  it('is never longer than that, whatever is in the record', () => {
    const [attempt] = record.attempts
    if (attempt === undefined) throw new Error('no attempt')
    const { text, line } = told({
      ...record,
      reason: 'y'.repeat(400_000),
      requestedModel: 'z'.repeat(400_000),
      attempts: Array.from({ length: 5000 }, () => attempt),
      decision: decisionOf(400_000),
    })
    expect(text.length).toBeLessThan(81_920)
    expect(line['switchyard.attempts']).toHaveLength(16)
    expect(line['switchyard.cut']).toEqual([
      'switchyard.decision',
      'gen_ai.request.model',
      'switchyard.attempts',
      'switchyard.reason',
    ])
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
