import { createHmac } from 'node:crypto'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  alertRetryMs,
  alertsDueMs,
  alertWindowMs,
  dropAlert,
  isLastTry,
  noAlerts,
  noteAlert,
  releaseAlerts,
  takeOutgoing,
  type AlertBook,
} from '../../../durable-objects/provider-health/alert-book.ts'
import {
  alertOfStandby,
  alertOfTransition,
  type Alert,
} from '../../../durable-objects/provider-health/alerts.ts'
import type { Transition } from '../../../durable-objects/provider-health/health.ts'
import {
  sendAlert,
  signature,
  webhookTimeoutMs,
} from '../../../durable-objects/provider-health/webhook.ts'

const nowMs = Date.UTC(2026, 10, 20, 12)
const place = { provider: 'openai', region: 'weur', jurisdiction: null } as const

function transition(more: Partial<Transition> = {}): Transition {
  return {
    kind: 'transition',
    key: 'target:gpt-5.1@openai',
    from: 'closed',
    to: 'open',
    epoch: 3,
    cause: 'blackout',
    evidence: null,
    ...more,
  }
}

function alertOf(more: Partial<Transition> = {}): Alert {
  const alert = alertOfTransition(transition(more), place, nowMs)
  if (alert === null) throw new Error('no alert')
  return alert
}

const opened = alertOf()
const closed = alertOf({ from: 'half_open', to: 'closed' })

describe('alertOfTransition()', () => {
  it.each<[string, Partial<Transition>, string | null]>([
    ['a target that opens', {}, 'circuit.opened'],
    ['an edge that opens', { key: 'edge' }, 'circuit.opened'],
    ['one that closes', { from: 'half_open', to: 'closed' }, 'circuit.closed'],
    ['one that is forced open', { cause: 'forced' }, 'circuit.opened'],
    ['one that is probed', { from: 'open', to: 'half_open' }, null],
    ['one that failed its probe', { from: 'half_open', to: 'open' }, null],
    ['a refused credential', { key: 'credential:c0ffee00' }, 'credential.refused'],
    [
      'a credential that works again',
      { key: 'credential:c0ffee00', from: 'half_open', to: 'closed' },
      'credential.restored',
    ],
    ['a spent quota', { key: 'quota:*' }, 'quota.spent'],
    ['a quota that is back', { key: 'quota:*', from: 'open', to: 'closed' }, 'quota.restored'],
    ['a rate limit, which is everyday life', { key: 'quota:gpt-5.1@openai' }, null],
  ])('of %s', (_name, more, type) => {
    expect(alertOfTransition(transition(more), place, nowMs)?.payload.type ?? null).toBe(type)
  })

  it('has the same id for the same transition, and another for any other', () => {
    const later = alertOfTransition(transition(), place, nowMs + 5000)
    expect(later?.id).toBe(opened.id)
    const others = [
      alertOf({ epoch: 4 }),
      closed,
      alertOf({ key: 'edge' }),
      alertOfTransition(transition(), { ...place, region: 'apac' }, nowMs),
      alertOfTransition(transition(), { ...place, jurisdiction: 'eu' }, nowMs),
      alertOfTransition(transition(), { ...place, provider: 'azure' }, nowMs),
    ].map((alert) => alert?.id)
    expect(new Set([...others, opened.id]).size).toBe(7)
  })

  it('has an id without dots, which divide the signed text', () => {
    expect(opened.id).toMatch(/^alert_[0-9a-f]{24}$/)
  })
})

it('alertOfStandby() names the target and why', () => {
  const change = {
    target: 'm@openai',
    status: 'failing',
    reason: 'retired',
    sinceMs: nowMs,
  } as const
  expect(alertOfStandby(change, place, nowMs).payload).toMatchObject({
    type: 'standby.failed',
    data: { domain: 'target:m@openai', target: 'm@openai', cause: 'retired' },
  })
  const back = { ...change, status: 'working', reason: null } as const
  expect(alertOfStandby(back, place, nowMs).payload.type).toBe('standby.recovered')
})

describe('the alert book', () => {
  it('sends an alert at once, and counts the try before it is made', () => {
    const { book, sending } = takeOutgoing(noteAlert(noAlerts, opened, nowMs), nowMs)
    expect(sending).toMatchObject([{ alert: opened, tries: 1 }])
    expect(takeOutgoing(book, nowMs).sending).toEqual([])
  })

  it('sends it again after ten seconds, a minute and five, and then gives it up', () => {
    let book: AlertBook = noteAlert(noAlerts, opened, nowMs)
    let atMs = nowMs
    const last: boolean[] = []
    for (const waitMs of [0, ...alertRetryMs]) {
      expect(takeOutgoing(book, atMs + waitMs - 1).sending).toEqual([])
      const taken = takeOutgoing(book, (atMs += waitMs))
      last.push(...taken.sending.map(isLastTry))
      book = taken.book
    }
    expect(last).toEqual([false, false, false, true])
    expect(alertsDueMs(dropAlert(book, opened.id))).toBe(Infinity)
  })

  it('has nothing to do once it was taken', () => {
    const { book } = takeOutgoing(noteAlert(noAlerts, opened, nowMs), nowMs)
    expect(alertsDueMs(book)).toBe(nowMs + alertRetryMs[0])
    expect(dropAlert(book, opened.id).outbox).toEqual([])
  })

  it('tells the same of the same subject once in ten minutes', () => {
    const first = sent(noteAlert(noAlerts, opened, nowMs), nowMs)
    const again = noteAlert(first, opened, nowMs + 1000)
    expect(takeOutgoing(again, nowMs + 1000).sending).toEqual([])
    const lateMs = nowMs + alertWindowMs
    expect(takeOutgoing(noteAlert(first, opened, lateMs), lateMs).sending).toHaveLength(1)
  })

  it('tells of other subjects all the same', () => {
    const first = sent(noteAlert(noAlerts, opened, nowMs), nowMs)
    const edge = noteAlert(first, alertOf({ key: 'edge' }), nowMs)
    expect(takeOutgoing(edge, nowMs).sending).toHaveLength(1)
  })

  it('never leaves a receiver with the wrong belief: what was held is told when its time is over', () => {
    let book = sent(noteAlert(noAlerts, opened, nowMs), nowMs)
    book = sent(noteAlert(book, closed, nowMs + 1000), nowMs + 1000)
    book = noteAlert(book, alertOf({ epoch: 4 }), nowMs + 2000)
    expect(alertsDueMs(book)).toBe(nowMs + alertWindowMs)
    const early = releaseAlerts(book, nowMs + alertWindowMs - 1)
    expect(early).toBe(book)
    const { sending } = takeOutgoing(
      releaseAlerts(book, nowMs + alertWindowMs),
      nowMs + alertWindowMs,
    )
    expect(sending.map(({ alert }) => alert.payload.type)).toEqual(['circuit.opened'])
  })

  it('tells nothing when the state came back to what the receiver believes', () => {
    let book = sent(noteAlert(noAlerts, opened, nowMs), nowMs)
    book = sent(noteAlert(book, closed, nowMs + 1000), nowMs + 1000)
    book = noteAlert(book, opened, nowMs + 2000)
    book = noteAlert(book, closed, nowMs + 3000)
    expect(alertsDueMs(book)).toBe(Infinity)
  })

  it('forgets what was told long ago, and holds at most 64 that nobody takes', () => {
    const first = sent(noteAlert(noAlerts, opened, nowMs), nowMs)
    expect(releaseAlerts(first, nowMs + alertWindowMs).told).toEqual({})
    let book = noAlerts
    for (let subject = 0; subject < 100; subject++)
      book = noteAlert(book, alertOf({ key: `target:m${subject}@openai` }), nowMs)
    expect(book.outbox).toHaveLength(64)
    expect(book.outbox.at(-1)?.alert.subject).toContain('m99')
  })
})

describe('sendAlert()', () => {
  afterEach(() => {
    vi.restoreAllMocks()
    vi.useRealTimers()
  })

  const settings = { url: 'https://alerts.example/hook', secret: 'plain words' }

  it('signs id, time and body under a plain secret as it stands', async () => {
    const fetched = vi
      .spyOn(globalThis, 'fetch')
      .mockResolvedValue(new Response(null, { status: 204 }))
    expect(await sendAlert(opened, settings, nowMs)).toEqual({ taken: true, status: 204 })
    const [url, init] = fetched.mock.calls[0] ?? []
    expect(url).toBe(settings.url)
    const headers = init?.headers as Record<string, string>
    const body = JSON.stringify(opened.payload)
    const digest = createHmac('sha256', 'plain words')
      .update(`${opened.id}.${nowMs / 1000}.${body}`)
      .digest('base64')
    expect(headers['webhook-signature']).toBe(`v1,${digest}`)
    expect(init).toMatchObject({ method: 'POST', redirect: 'manual', body })
  })

  it('agrees with the example of Standard Webhooks', async () => {
    // The test vector of its reference libraries.
    const text = 'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}'
    expect(await signature('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', text)).toBe(
      'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    )
  })

  it.each([300, 301, 308, 400, 404, 500])('of status %i was not taken', async (status) => {
    const answer = new Response(null, { status })
    vi.spyOn(globalThis, 'fetch').mockResolvedValue(answer)
    expect(await sendAlert(opened, settings, nowMs)).toEqual({ taken: false, status })
  })

  it('to nobody was not taken', async () => {
    vi.spyOn(globalThis, 'fetch').mockRejectedValue(new TypeError('connection refused'))
    expect(await sendAlert(opened, settings, nowMs)).toEqual({ taken: false, status: null })
  })

  it('waits five seconds and no longer', async () => {
    vi.useFakeTimers()
    let started = () => undefined as void
    const begun = new Promise<void>((resolve) => (started = resolve))
    vi.spyOn(globalThis, 'fetch').mockImplementation(
      (_url, init) =>
        new Promise((_resolve, reject) => {
          init?.signal?.addEventListener('abort', () => reject(new Error('aborted')))
          started()
        }),
    )
    const sending = sendAlert(opened, settings, nowMs)
    await begun
    vi.advanceTimersByTime(webhookTimeoutMs)
    expect(await sending).toEqual({ taken: false, status: null })
  })
})

/** The book when everything in it was taken. */
function sent(book: AlertBook, atMs: number): AlertBook {
  const taken = takeOutgoing(book, atMs)
  return taken.sending.reduce((rest, { alert }) => dropAlert(rest, alert.id), taken.book)
}
