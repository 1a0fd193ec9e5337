import { describe, expect, it } from 'vitest'
import type {
  HealthReply,
  HealthReport,
  Speed,
} from '../../../../durable-objects/provider-health/protocol.ts'
import { failure } from '../../../../worker/canonical/failure.ts'
import { EdgeHealth, type SendReport } from '../../../../worker/edge/health/edge-health.ts'
import { HealthBook } from '../../../../worker/edge/health/health-book.ts'
import { FakeClock, fakeRuntime } from '../../../support/fake-host.ts'
import { domain, halfOpenDomain, permit, reply, speed } from './support.ts'

const openai = 'gpt-4.1@openai'
const backup = 'm@backup'
const runtime = fakeRuntime()

function targetOf(name: string) {
  const target = runtime.targets.get(name)
  if (target === undefined) throw new Error(`no target ${name}`)
  return target
}

interface Sent {
  readonly provider: string
  readonly report: HealthReport
  readonly atMs: number
}

/** An isolate whose reports are answered, or not, as a test says. */
class World {
  readonly clock = new FakeClock()
  readonly sent: Sent[] = []
  readonly work: Promise<unknown>[] = []
  answer: (sent: Sent) => Promise<HealthReply> = () => Promise.resolve(reply())
  readonly #book = new HealthBook({ isolate: 'isolate-1', observeOnly: false, random: () => 0.5 })
  readonly #isBound: boolean

  constructor(isBound = true) {
    this.#isBound = isBound
  }

  /** The health as one request sees it. */
  request(): EdgeHealth {
    const send: SendReport = (provider, report) => {
      const sent = { provider, report, atMs: this.clock.nowMs }
      this.sent.push(sent)
      return this.answer(sent)
    }
    return new EdgeHealth(this.#book, {
      nowMs: () => this.clock.nowMs,
      after: (delayMs, then) => this.clock.after(delayMs, then),
      waitUntil: (work) => void this.work.push(work),
      send: this.#isBound ? send : null,
    })
  }

  begin(name = openai, promptTokens = 100) {
    return this.request().begin(targetOf(name), promptTokens)
  }

  fail(name = openai): void {
    this.begin(name).failed(failure('server_error', 'no'), 100)
  }

  /** A report has been answered a moment ago. */
  async settled(): Promise<this> {
    this.begin().finished({ broken: false, costNanoUsd: null })
    await this.clock.settle()
    this.sent.length = 0
    return this
  }
}

describe('EdgeHealth reports', () => {
  it('leave behind the response after a failure, and never before it', async () => {
    const world = await new World().settled()
    await world.clock.advance(500)
    world.fail()
    expect(world.sent).toHaveLength(1)
    expect(world.sent[0]).toMatchObject({
      provider: 'openai',
      report: { rows: [{ outcome: 'server_error', count: 1 }] },
    })
    expect(world.work.length).toBeGreaterThan(0)
  })

  it('carry what fails while one is on its way, without the next request', async () => {
    const world = await new World().settled()
    await world.clock.advance(500)
    let release: (said: HealthReply) => void = () => undefined
    world.answer = () => new Promise((resolve) => (release = resolve))
    world.fail()
    world.fail()
    world.fail()
    expect(world.sent).toHaveLength(1)
    world.answer = () => Promise.resolve(reply())
    release(reply())
    await world.clock.advance(300)
    expect(world.sent).toHaveLength(2)
    expect(world.sent[1]?.report.rows).toMatchObject([{ outcome: 'server_error', count: 2 }])
    expect((world.sent[1]?.atMs ?? 0) - (world.sent[0]?.atMs ?? 0)).toBe(200)
  })

  it('go on after one was lost, as soon as there is news', async () => {
    const world = await new World().settled()
    await world.clock.advance(500)
    world.answer = () => Promise.reject(new Error('away'))
    world.fail()
    await world.clock.advance(300)
    world.answer = () => Promise.resolve(reply())
    world.fail()
    expect(world.sent).toHaveLength(2)
    // Lost evidence is bearable, doubled is not.
    expect(world.sent[1]?.report.rows).toMatchObject([{ outcome: 'server_error', count: 1 }])
  })

  it('go on when one is never answered', async () => {
    const world = await new World().settled()
    await world.clock.advance(500)
    world.answer = () => new Promise(() => undefined)
    world.fail()
    await world.clock.advance(60_000)
    world.fail()
    expect(world.sent).toHaveLength(2)
  })

  it('are followed by the next half a second after one that was lost on the way', async () => {
    const world = await new World().settled()
    await world.clock.advance(500)
    world.answer = () => new Promise(() => undefined)
    world.fail()
    await world.clock.advance(499)
    world.fail()
    expect(world.sent).toHaveLength(1)
    await world.clock.advance(1)
    world.fail()
    expect(world.sent).toHaveLength(2)
  })

  it('do not wait for their turn when something fails meanwhile', async () => {
    const world = await new World().settled()
    await world.clock.advance(500)
    world.answer = () => Promise.resolve(reply([], { nextFlushMs: 2000 }))
    world.fail()
    await world.clock.advance(230)
    expect(world.sent).toHaveLength(1)
    world.fail()
    await world.clock.advance(50)
    const [first, second] = world.sent
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBe(250)
  })

  it('are not sent by an errand that was given up, whatever it hears in the end', async () => {
    const world = await new World().settled()
    await world.clock.advance(500)
    let late: (said: HealthReply) => void = () => undefined
    world.answer = () => new Promise((resolve) => (late = resolve))
    world.fail()
    await world.clock.advance(500)
    world.answer = () => new Promise(() => undefined)
    world.fail()
    expect(world.sent).toHaveLength(2)
    late(reply())
    await world.clock.advance(450)
    world.fail()
    await world.clock.advance(40)
    expect(world.sent).toHaveLength(2)
  })

  it('are no more than ten an errand', async () => {
    const world = await new World().settled()
    await world.clock.advance(500)
    world.answer = async () => {
      world.request()
      world.begin().failed(failure('server_error', 'no'), 1)
      return reply()
    }
    world.fail()
    await world.clock.advance(60_000)
    expect(world.sent.length).toBeLessThanOrEqual(11)
    expect(world.sent.length).toBeGreaterThanOrEqual(10)
  })

  it('go to the object of every provider that the request has looked at', async () => {
    const world = new World()
    const health = world.request()
    health.standing(targetOf(openai), 100)
    health.standing(targetOf(backup), 100)
    health.begin(targetOf(openai), 100)
    await world.clock.settle()
    expect(world.sent.map(({ provider }) => provider).toSorted()).toEqual(['backup', 'openai'])
  })

  it('go nowhere where there is no object', async () => {
    const world = new World(false)
    world.fail()
    await world.clock.advance(60_000)
    expect(world.work).toEqual([])
  })

  it('ask again when what the object said is old', async () => {
    const world = await new World().settled()
    const ask = () => {
      const health = world.request()
      health.standing(targetOf(openai), 100)
      health.begin(targetOf(openai), 100)
    }
    await world.clock.advance(14_999)
    ask()
    expect(world.sent).toHaveLength(0)
    await world.clock.advance(1)
    ask()
    expect(world.sent).toHaveLength(1)
  })
})

describe('EdgeHealth.begin()', () => {
  it('limits the wait for a first token by what is usual for prompts of that size', async () => {
    const world = new World()
    expect(world.begin().abortAfterMs).toBe(Infinity)
    world.answer = () => Promise.resolve(reply([domain(`target:${openai}`, { speed })]))
    world.begin().failed(failure('server_error', 'no'), 1)
    await world.clock.advance(1000)
    expect(world.begin(openai, 100).abortAfterMs).toBe(10_000)
    expect(world.begin(openai, 5000).abortAfterMs).toBe(12_000)
  })

  it('arms a fallback for a probe only: after T_slow, and after 2 s at the latest', async () => {
    const world = new World()
    const key = `target:${openai}` as const
    const permits = [permit(key, 'p1'), permit(key, 'p2')]
    world.answer = () => Promise.resolve(reply([halfOpenDomain(key, { speed })], { permits }))
    expect(world.begin().fallbackAfterMs).toBeNull()
    world.fail()
    await world.clock.advance(200)
    expect(world.begin(openai, 100).fallbackAfterMs).toBe(1500)
    expect(world.begin(openai, 5000).fallbackAfterMs).toBe(2000)
    expect(world.begin(openai, 100).fallbackAfterMs).toBeNull()
  })

  it('gives a probe of a model that thinks long its usual time, and never more than a third of T_slow', async () => {
    const world = new World()
    const key = `target:${openai}` as const
    const thinking: Speed = {
      ...speed,
      slowAfterMs: [15_000, 15_000, 15_000, 15_000],
      ttftP95Ms: [4200, 9000, 900, null],
    }
    const permits = ['p1', 'p2', 'p3', 'p4'].map((id) => permit(key, id))
    world.answer = () =>
      Promise.resolve(reply([halfOpenDomain(key, { speed: thinking })], { permits }))
    world.fail()
    await world.clock.advance(200)
    expect(world.begin(openai, 100).fallbackAfterMs).toBe(4200)
    expect(world.begin(openai, 5000).fallbackAfterMs).toBe(5000)
    expect(world.begin(openai, 20_000).fallbackAfterMs).toBe(2000)
    expect(world.begin(openai, 200_000).fallbackAfterMs).toBe(2000)
  })
})
