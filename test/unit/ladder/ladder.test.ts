import { beforeAll, describe, expect, it } from 'vitest'
import { gatewayError } from '../../../worker/canonical/errors.ts'
import { anthropicMessages } from '../../../worker/dialects/anthropic-messages/index.ts'
import { type MoneyPort, unmetered } from '../../../worker/engine/money-port.ts'
import {
  chunk,
  json,
  refusing,
  settings,
  silence,
  streamed,
  streamEnd,
} from '../../support/fake-host.ts'
import type { HandOver, RunPort } from '../../../worker/engine/run-port.ts'
import {
  ask,
  caller,
  configOf,
  contentOf,
  errorOf,
  type Gateway,
  gatewayOf,
  installTransform,
  says,
} from './support.ts'

beforeAll(installTransform)

const smallerLast = [['gpt-4.1@openai'], { targets: ['m@backup'], intent: 'smaller' }] as const

const template = { rung: 'template', text: 'We are busy. Reference: {requestId}.' }

/** What each of two tiers answers; null: nothing can be had. */
function upstream(gateway: Gateway, openai: object | null, backup: object | null): Gateway {
  gateway.host.on('openai', openai === null ? refusing(500) : json(openai))
  gateway.host.on('backup', backup === null ? refusing(500) : json(backup))
  return gateway
}

describe('a route without a ladder', () => {
  it('is answered as ever', async () => {
    const gateway = upstream(gatewayOf(configOf({})), says('one'), null)
    const seen = await ask(gateway)
    expect([contentOf(seen), seen.degraded]).toEqual(['one', null])
    expect(gateway.ports.runtime.ladders.size).toBe(0)
  })
})

describe('a lesser tier', () => {
  it('marks its answers, where it is an ordinary tier', async () => {
    const gateway = upstream(gatewayOf(configOf({ tiers: smallerLast })), null, says('small'))
    const seen = await ask(gateway)
    expect([contentOf(seen), seen.degraded]).toEqual(['small', 'smaller-model'])
    expect(gateway.host.records[0]).toMatchObject({ degraded: ['smaller-model'] })
  })

  it('of the same family or cheaper marks nothing', async () => {
    for (const intent of ['same-family', 'cheaper']) {
      const tiers = [['gpt-4.1@openai'], { targets: ['m@backup'], intent }]
      const seen = await ask(upstream(gatewayOf(configOf({ tiers })), null, says('other')))
      expect([contentOf(seen), seen.degraded]).toEqual(['other', null])
    }
  })

  it('waits for its rung: what stands before it comes first', async () => {
    const route = { tiers: smallerLast, degrade: [template, 'smaller-model'] }
    const gateway = upstream(gatewayOf(configOf(route)), null, says('small'))
    const seen = await ask(gateway)
    expect([contentOf(seen), seen.degraded]).toEqual(['We are busy. Reference: req_1.', 'template'])
    expect(gateway.host.asked).not.toContain('backup')
  })

  it('is asked at its rung, and the reason says why', async () => {
    const route = { tiers: smallerLast, degrade: ['smaller-model', template] }
    const seen = await ask(upstream(gatewayOf(configOf(route)), null, says('small')))
    expect([contentOf(seen), seen.degraded]).toEqual(['small', 'smaller-model'])
    expect(seen.reason).toContain('no target answered (server_error)')
    // Two calls of the first target, one of the smaller.
    expect(seen.headers.get('x-switchyard-attempts')).toBe('3')
  })

  it('has one call, although the others have used up all that there are', async () => {
    const route = {
      tiers: smallerLast,
      degrade: ['smaller-model'],
      limits: { maxAttempts: 1 },
    }
    const seen = await ask(upstream(gatewayOf(configOf(route)), null, says('small')))
    expect(contentOf(seen)).toBe('small')
  })

  it('is asked at once where a budget asks for the cheapest', async () => {
    const money: MoneyPort = { ...unmetered, asksToDegrade: () => true }
    const route = { tiers: smallerLast, degrade: [template, 'smaller-model'] }
    const gateway = upstream(gatewayOf(configOf(route), { money }), null, says('small'))
    expect((await ask(gateway)).degraded).toBe('smaller-model')
  })

  it('has time left when the first target is silent', async () => {
    const route = { tiers: smallerLast, degrade: ['smaller-model'] }
    const gateway = gatewayOf(configOf(route))
    const { clock } = gateway.host
    gateway.host.on('openai', silence).on('backup', async (call, number) => {
      await new Promise<void>((resolve) => {
        clock.after(500, resolve)
      })
      return json(says('small'))(call, number)
    })
    const seen = await ask(gateway, { headers: { 'x-switchyard-deadline-ms': '3000' } })
    expect(contentOf(seen)).toBe('small')
  })

  it('numbers its calls behind those before it: each has a ledger line of its own', async () => {
    const numbers: number[] = []
    const money: MoneyPort = {
      ...unmetered,
      admit: (asked) => {
        numbers.push(asked.attempt)
        return unmetered.admit(asked)
      },
    }
    const route = { tiers: smallerLast, degrade: ['smaller-model'] }
    await ask(upstream(gatewayOf(configOf(route), { money }), null, says('small')))
    expect(numbers).toEqual([1, 2, 3])
  })
})

describe('a template', () => {
  const route = { degrade: [template] }
  const busy = 'We are busy. Reference: req_1.'

  it('is a proper answer of the dialect, whole and streamed, and costs nothing', async () => {
    const whole = await ask(gatewayOf(configOf(route)))
    expect(JSON.parse(whole.text)).toMatchObject({
      object: 'chat.completion',
      model: 'chat',
      choices: [{ message: { role: 'assistant', content: busy }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 0, completion_tokens: 0 },
      cost: 0,
    })
    const stream = await ask(gatewayOf(configOf(route)), { body: { stream: true } })
    expect(stream.headers.get('content-type')).toContain('text/event-stream')
    expect(stream.text).toContain(`"content":"${busy}"`)
    expect(stream.text.match(/data: \[DONE\]/g)).toHaveLength(1)
    expect(stream.text.trimEnd().endsWith(': cost-usd 0')).toBe(true)
    const message = await ask(gatewayOf(configOf(route)), { dialect: anthropicMessages })
    expect(JSON.parse(message.text)).toMatchObject({
      type: 'message',
      content: [{ type: 'text', text: busy }],
      stop_reason: 'end_turn',
    })
  })

  it('is marked, names no provider, and says why it came; so does its record', async () => {
    const gateway = gatewayOf(configOf(route))
    const seen = await ask(gateway)
    expect([seen.status, seen.degraded]).toEqual([200, 'template'])
    expect(seen.reason).toBe('the fixed reply of the route: no target answered (connect)')
    expect(seen.headers.get('x-switchyard-provider')).toBeNull()
    expect(gateway.host.records).toHaveLength(1)
    expect(gateway.host.records[0]).toMatchObject({
      servedFrom: 'template',
      degraded: ['template'],
      target: null,
      costNanoUsd: 0,
      ending: 'finished',
    })
  })

  it('fills its fields in as they are: a brace in one of them means nothing', async () => {
    const text = '{{{route}}} {model} {retryAfterS}'
    const gateway = gatewayOf(configOf({ degrade: [{ rung: 'template', text }] }))
    expect(contentOf(await ask(gateway))).toBe('{chat} chat 1')
    const own = gatewayOf(configOf(route))
    expect(contentOf(await ask(own, { requestId: '{model}' }))).toBe(
      'We are busy. Reference: {model}.',
    )
  })

  it('comes late where the stream has begun with heartbeats', async () => {
    const gateway = gatewayOf(configOf({ ...route, timeouts: { firstTokenTimeoutMs: 9000 } }))
    for (const provider of ['openai', 'backup', 'third']) gateway.host.on(provider, silence)
    const seen = await ask(gateway, { body: { stream: true } })
    expect(seen.text.startsWith(':')).toBe(true)
    expect(seen.text).toContain(busy)
    expect(seen.text.match(/data: \[DONE\]/g)).toHaveLength(1)
    expect(gateway.host.records[0]).toMatchObject({ servedFrom: 'template', ending: 'finished' })
  })

  it('is no answer to a program that asked for JSON or for a call of a tool', async () => {
    const tools = [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }]
    const schema = { type: 'object', required: ['ok'] }
    const json_schema = { name: 's', schema, strict: true }
    for (const body of [
      { response_format: { type: 'json_object' } },
      { response_format: { type: 'json_schema', json_schema } },
      { tools, tool_choice: 'required' },
    ])
      expect((await ask(gatewayOf(configOf(route)), { body })).status).toBe(503)
    const wrong = configOf({ degrade: [{ rung: 'template', text: '{{"other":1}}' }] })
    const body = { response_format: { type: 'json_schema', json_schema } }
    expect((await ask(gatewayOf(wrong), { body })).status).toBe(503)
    const text = '{{"ok":false}}'
    const asJson = configOf({ degrade: [{ rung: 'template', text }] })
    expect(contentOf(await ask(gatewayOf(asJson), { body }))).toBe('{"ok":false}')
  })

  it('answers each of several choices', async () => {
    const { text } = await ask(gatewayOf(configOf(route)), { body: { n: 2 } })
    expect((JSON.parse(text) as { choices: unknown[] }).choices).toHaveLength(2)
  })
})

describe('what the caller is to blame for', () => {
  it.each([
    ['a prompt that is refused', { message: 'no', code: 'content_filter' }, 'content_policy'],
    ['a prompt that is too long', { code: 'context_length_exceeded' }, 'context_length_exceeded'],
    ['a request that breaks a rule', { message: 'no' }, 'invalid_request'],
  ])('is never answered with something else: %s', async (_what, error, code) => {
    const route = { tiers: smallerLast, degrade: ['smaller-model', template] }
    const gateway = gatewayOf(configOf(route))
    gateway.host.on('openai', refusing(400, error)).on('backup', json(says('small')))
    const seen = await ask(gateway)
    expect([seen.status, errorOf(seen).code]).toEqual([400, code])
    expect(gateway.host.asked).not.toContain('backup')
  })
})

describe('when the budget does not allow it', () => {
  const dear = gatewayError('budget_exceeded', 402, 'the budget "tenant" is spent')

  /** Only what is asked of `backup`, or for at most `tokens`, can be paid for. */
  function poor(affords: (target: string, tokens: number) => boolean): MoneyPort {
    return {
      ...unmetered,
      admit: (asked) =>
        affords(asked.target.name, asked.request.maxOutputTokens ?? Infinity)
          ? unmetered.admit(asked)
          : { kind: 'refused', error: dear, isFinal: false },
    }
  }

  it('a smaller model that can be paid for answers', async () => {
    const route = { tiers: smallerLast, degrade: ['smaller-model'] }
    const money = poor((target) => target === 'm@backup')
    const gateway = upstream(gatewayOf(configOf(route), { money }), says('large'), says('small'))
    const seen = await ask(gateway)
    expect([contentOf(seen), seen.degraded]).toEqual(['small', 'smaller-model'])
    expect(seen.reason).toContain('the budget does not allow more')
  })

  it('a shorter answer is asked for, and marked', async () => {
    const route = { degrade: [{ rung: 'shorter', maxOutputTokens: 100 }] }
    const money = poor((_target, tokens) => tokens <= 100)
    const gateway = upstream(gatewayOf(configOf(route), { money }), says('brief'), null)
    const seen = await ask(gateway)
    expect([contentOf(seen), seen.degraded]).toEqual(['brief', 'shorter'])
    expect(gateway.host.calls[0]?.body).toMatchObject({ max_completion_tokens: 100 })
  })

  it('an answer that was as short as that anyway is not asked for again', async () => {
    const route = { degrade: [{ rung: 'shorter', maxOutputTokens: 100 }] }
    const gateway = upstream(
      gatewayOf(configOf(route), { money: poor(() => false) }),
      says('x'),
      null,
    )
    const seen = await ask(gateway, { body: { max_tokens: 100 } })
    expect([seen.status, errorOf(seen).code]).toEqual([402, 'budget_exceeded'])
  })

  it('what costs nothing answers; without it the caller is told of the budget', async () => {
    const money = poor(() => false)
    const free = await ask(gatewayOf(configOf({ degrade: ['shorter', template] }), { money }))
    expect(free.degraded).toBe('template')
    const seen = await ask(gatewayOf(configOf({ degrade: ['shorter'] }), { money }))
    expect([seen.status, errorOf(seen).code]).toEqual([402, 'budget_exceeded'])
  })

  it('a ledger that is away lets only that answer which costs nothing', async () => {
    const away = gatewayError('ledger_unavailable', 503, 'away', { retryAfterMs: 2000 })
    const admitted: string[] = []
    const money: MoneyPort = {
      ...unmetered,
      admit: ({ target }) => {
        admitted.push(target.name)
        return { kind: 'refused', error: away, isFinal: true }
      },
    }
    const route = { tiers: smallerLast, degrade: ['smaller-model', template] }
    expect((await ask(gatewayOf(configOf(route), { money }))).degraded).toBe('template')
    expect(admitted).toEqual(['gpt-4.1@openai'])
  })

  it('a key that was revoked, or is over its limit, is told so', async () => {
    for (const [code, status] of [
      ['key_revoked', 401],
      ['rate_limited', 429],
    ] as const) {
      const error = gatewayError(code, status, 'no')
      const admit = () => ({ kind: 'refused', error, isFinal: true }) as const
      const money: MoneyPort = { ...unmetered, admit }
      const seen = await ask(gatewayOf(configOf({ degrade: [template] }), { money }))
      expect([seen.status, errorOf(seen).code]).toEqual([status, code])
    }
  })
})

describe('a shorter answer', () => {
  it('is asked for where every call was too slow, and not where they failed', async () => {
    const route = {
      tiers: [['gpt-4.1@openai']],
      degrade: [{ rung: 'shorter', maxOutputTokens: 20 }],
    }
    const slow = gatewayOf(configOf(route))
    slow.host.on('openai', (call, number) =>
      number === 1 ? silence(call, number) : json(says('brief'))(call, number),
    )
    const seen = await ask(slow)
    expect([contentOf(seen), seen.degraded]).toEqual(['brief', 'shorter'])
    const broken = upstream(gatewayOf(configOf(route)), null, null)
    expect((await ask(broken)).status).toBe(503)
    expect(broken.host.calls.every(({ body }) => !JSON.stringify(body).includes('20'))).toBe(true)
  })
})

describe('the end of a ladder', () => {
  it('is an honest 503 with a retry-after, where nothing of it could help', async () => {
    const route = { tiers: smallerLast, degrade: ['cache', 'smaller-model'] }
    const seen = await ask(upstream(gatewayOf(configOf(route)), null, null))
    expect([seen.status, errorOf(seen).code]).toEqual([503, 'no_healthy_target'])
    expect(Number(seen.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(seen.headers.get('x-should-retry')).toBe('false')
    expect(seen.degraded).toBeNull()
  })

  it('says when the first target may be asked again', async () => {
    const route = { tiers: [['gpt-4.1@openai']], degrade: ['cache'] }
    const gateway = gatewayOf(configOf(route))
    gateway.host.on('openai', refusing(503, { message: 'no' }, { 'retry-after': '40' }))
    await ask(gateway)
    // The provider asked to be left alone for a time: the next caller is told how much of it is left.
    const seen = await ask(gateway)
    expect(seen.status).toBe(503)
    expect(Number(seen.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
  })

  it('leaves a rate limit of all providers what it is', async () => {
    const route = { tiers: [['gpt-4.1@openai']], degrade: ['cache'] }
    const gateway = gatewayOf(configOf(route))
    gateway.host.on('openai', refusing(429, { message: 'slow' }, { 'retry-after': '40' }))
    const seen = await ask(gateway)
    expect([seen.status, seen.headers.get('retry-after')]).toEqual([429, '40'])
  })
})

describe('a job in place of an answer', () => {
  const deferring = (answers: boolean): Gateway & { readonly handed: HandOver[] } => {
    const handed: HandOver[] = []
    const runs: RunPort = {
      resumable: () => null,
      defer: (asked) => {
        handed.push(asked)
        return answers ? Promise.resolve(new Response(null, { status: 202 })) : null
      },
    }
    const route = { tiers: [['gpt-4.1@openai']], degrade: ['deferred', template] }
    return { ...gatewayOf(configOf(route), { ports: { runs } }), handed }
  }

  it('is begun when nobody answers, with all that was asked', async () => {
    const gateway = deferring(true)
    expect((await ask(gateway)).status).toBe(202)
    expect(gateway.handed).toMatchObject([
      { isStream: false, caller, requestId: 'req_1', body: { model: 'chat', max_tokens: 500 } },
    ])
    expect(gateway.host.records).toMatchObject([{ status: 202, ending: 'finished' }])
  })

  it('is not begun for a stream, nor where nothing may be kept: the next rung answers', async () => {
    const gateway = deferring(true)
    expect((await ask(gateway, { body: { stream: true } })).degraded).toBe('template')
    expect(gateway.handed).toEqual([])
    expect((await ask(deferring(false))).degraded).toBe('template')
  })

  it.each([
    ['cannot be reached', () => Promise.reject(new Error('overloaded'))],
    ['answers with an error', () => Promise.resolve(new Response('no', { status: 500 }))],
  ] as const)('where its object %s the next rung answers', async (_what, defer) => {
    const route = { tiers: [['gpt-4.1@openai']], degrade: ['deferred', template] }
    const runs = { resumable: () => null, defer }
    const answer = await ask(gatewayOf(configOf(route), { ports: { runs } }))
    expect([answer.status, answer.degraded]).toEqual([200, 'template'])
  })

  it('is not begun where the money is missing: it would cost as much', async () => {
    const error = gatewayError('budget_exceeded', 402, 'spent')
    const admit = () => ({ kind: 'refused', error, isFinal: false }) as const
    const money: MoneyPort = { ...unmetered, admit }
    const gateway = deferring(true)
    const ports = { ...gateway.ports, money }
    expect((await ask({ ...gateway, ports })).degraded).toBe('template')
    expect(gateway.handed).toEqual([])
  })
})

describe('a client that leaves', () => {
  it('costs no further rung', async () => {
    const route = { tiers: smallerLast, degrade: ['smaller-model', template] }
    const gateway = upstream(gatewayOf(configOf(route)), null, says('small'))
    gateway.host.on('openai', () => {
      gateway.host.leave()
      return Promise.reject(new TypeError('gone'))
    })
    await ask(gateway)
    expect(gateway.host.asked).not.toContain('backup')
    expect(gateway.host.records[0]).toMatchObject({ ending: 'client_gone' })
  })
})

describe('a stream', () => {
  it('of a route with a ladder is carried like any other, and relayed where nothing looks at it', async () => {
    const gateway = gatewayOf(configOf({ degrade: [template] }))
    gateway.host.on('openai', streamed(chunk('a'), chunk('b'), streamEnd))
    const body = { stream: true, stream_options: { include_usage: true } }
    const seen = await ask(gateway, { body })
    expect(seen.text).toContain('"content":"a"')
    expect(gateway.host.records[0]).toMatchObject({ plumbing: 'relay', ending: 'finished' })
  })

  it('that breaks after its first token is not begun again', async () => {
    const gateway = gatewayOf(configOf({ degrade: [template] }))
    gateway.host.on('openai', streamed(chunk('a')))
    const seen = await ask(gateway, { body: { stream: true } })
    expect(seen.text).toContain('upstream_interrupted')
    expect(seen.text).not.toContain('busy')
  })
})

describe('the shipped settings of tests', () => {
  it('have no ladder, so that every other test is of a plain route', () => {
    expect(Object.keys(settings.routes.chat)).toEqual(['tiers', 'heartbeatAfterMs'])
  })
})
