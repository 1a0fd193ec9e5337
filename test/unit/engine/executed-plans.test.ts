import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import type { CanonicalRequest } from '../../../worker/canonical/request.ts'
import { openAiChat } from '../../../worker/dialects/openai-chat/index.ts'
import { ConfigurationError, readConfig } from '../../../worker/edge/config.ts'
import type { Runtime } from '../../../worker/edge/runtime.ts'
import type { Candidate } from '../../../worker/policy/candidate.ts'
import { classify, type RequestFacts } from '../../../worker/policy/classify.ts'
import { answerOf } from '../../support/any-answer.ts'
import {
  anyWorld,
  type AnyRequest,
  type AnyWorld,
  freeShadows,
  KeptAnswers,
  longestMs,
  providerNames,
} from '../../support/any-world.ts'
import { dataClasses } from '../../../worker/policy/request-facts.ts'
import { FakeHost, fakeRuntime, readAll } from '../../support/fake-host.ts'
import { begin, withStreams } from '../../support/parallel-world.ts'
import { isCareful, isWanted, meets } from '../../support/policy-oracle.ts'

/**
 * Plans as they are carried out, in virtual time: any configuration (objectives, canaries, hedges, best-of, shadows,
 * ladders, caches, validation, continuation), any requests, and whatever its providers do. `SEED=n` runs other worlds.
 */

withStreams()
vi.setConfig({ testTimeout: 120_000 })

const seed = Number(process.env['SEED'] ?? 20_261_126)
console.log(`executed plans: seed ${seed}`)
/** Of them, some three of five are files that no gateway starts with. */
const runs = { seed, numRuns: 600 }

/** One request as it went. */
interface Went {
  readonly request: AnyRequest
  readonly asked: CanonicalRequest
  readonly facts: RequestFacts
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The targets of its calls, in order: attempts, retries, hedges, best-of, rungs, continuation, and its shadow. */
  readonly calls: readonly string[]
  readonly tookMs: number
}

function bodyOf({ stream, needs, wish, names, length }: AnyRequest): object {
  return {
    model: names[0],
    stream,
    max_tokens: 100,
    messages: [{ role: 'user', content: 'x'.repeat(length) }],
    ...needs,
    ...(Object.keys(wish).length > 0 ? { provider: wish } : {}),
    ...(names.length === 1 ? {} : { models: names }),
  }
}

function headersOf({ dataClass, session, resumes }: AnyRequest): Record<string, string> {
  const tags = [
    ...(dataClass === null ? [] : [`data=${dataClass}`]),
    ...(session === null ? [] : [`session=${session}`]),
  ]
  return {
    ...(tags.length === 0 ? {} : { 'x-switchyard-tags': tags.join(',') }),
    ...(resumes ? { 'x-switchyard-resume': 'continue' } : {}),
  }
}

/** Null: such a file is refused; its constraints leave nobody, or its canary stands alone. */
function runtimeOf({ config }: AnyWorld): Runtime | null {
  if (!readConfig(config, { local: false }).ok) return null
  try {
    return fakeRuntime(config)
  } catch (refused) {
    if (refused instanceof ConfigurationError) return null
    throw refused
  }
}

function hostOf(world: AnyWorld, runtime: Runtime): FakeHost {
  const host = new FakeHost(runtime)
  host.random = world.random
  Object.assign(host.ports, { shadows: freeShadows, answers: new KeptAnswers() })
  for (const [index, name] of providerNames.entries()) {
    const all = world.faults[index] ?? []
    host.on(name, (call, number) => {
      const behaviour = all[(number - 1) % all.length] ?? 'sound'
      return answerOf(behaviour, name === 'anthropic')(call, number)
    })
  }
  return host
}

/** One request after the other, each with everything that is done behind it. */
async function walk(world: AnyWorld): Promise<{ host: FakeHost; went: Went[] } | null> {
  const runtime = runtimeOf(world)
  if (runtime === null) return null
  const host = hostOf(world, runtime)
  const went: Went[] = []
  for (const [index, request] of world.requests.entries()) {
    const body = bodyOf(request)
    const parsed = openAiChat.parse(body)
    if (!parsed.ok) throw new Error('a request that nobody can read')
    const before = { calls: host.calls.length, nowMs: host.clock.nowMs }
    const asked = { body, headers: headersOf(request), requestId: `req_${index}` }
    const response = await host.clock.run(begin(host, asked))
    const reading = response.body === null ? Promise.resolve('') : readAll(response.body)
    const text = await host.clock.run(reading)
    for (const work of host.background.splice(0)) await host.clock.run(work).catch(() => undefined)
    went.push({
      request,
      asked: parsed.value,
      facts: { ...classify(parsed.value), dataClass: dataClassOf(request, world) },
      status: response.status,
      headers: response.headers,
      text,
      calls: host.calls.slice(before.calls).map(({ provider, body: sent }) => {
        const { model } = sent as { model: string }
        return `${model}@${provider}`
      }),
      tookMs: host.clock.nowMs - before.nowMs,
    })
  }
  return { host, went }
}

/** What the caller and the routes that it names say, whichever is the more careful. */
function dataClassOf({ names, dataClass }: AnyRequest, { otherDataClass }: AnyWorld) {
  const declared = names.includes('other') ? otherDataClass : null
  const index = (one: typeof dataClass) => (one === null ? -1 : dataClasses.indexOf(one))
  return index(declared) > index(dataClass) ? declared : dataClass
}

/** As the file and the catalog have it. */
function declared(target: string, { ports }: FakeHost): Candidate {
  const found = ports.runtime.targets.get(target)
  if (found === undefined) throw new Error(`${target} is not declared`)
  return { ...found.standing, tier: 0, weight: 1, notBeforeMs: 0 }
}

/** Why `target` may not be sent this request; empty when it may. */
function against(target: string, { request, asked, facts }: Went, world: AnyWorld, host: FakeHost) {
  const one = declared(target, host)
  const ofNames = request.names.flatMap((name) => world.ofRoutes[name] ?? [])
  return [
    ...(isWanted(one, asked.provider ?? {}, facts) ? [] : ['the caller narrowed it out']),
    ...(isCareful(one, facts) ? [] : ['it is too careless for such data']),
    ...facts.needs.flatMap(({ feature }) => (one.features.has(feature) ? [] : [feature])),
    ...[...world.constraints, ...ofNames].flatMap((constraint) =>
      meets(one, constraint, facts) ? [] : [JSON.stringify(constraint)],
    ),
  ]
}

describe('every call of every request', () => {
  it('S2: goes to a target that may be sent it, whatever it is made for and whatever failed before', async () => {
    const seen = { worlds: 0, calls: 0, answers: 0, several: 0, ofLists: 0 }
    await fc.assert(
      fc.asyncProperty(anyWorld, async (world) => {
        const walked = await walk(world)
        if (walked === null) return
        const { host, went } = walked
        seen.worlds += 1
        for (const one of went) {
          seen.calls += one.calls.length
          seen.several += one.calls.length > 1 ? 1 : 0
          seen.ofLists += one.request.names.length > 1 ? one.calls.length : 0
          for (const target of one.calls) expect(against(target, one, world, host)).toEqual([])
          // An answer that was kept is one that could be given now.
          const provider = one.headers.get('x-switchyard-provider')
          const from = `${one.headers.get('x-switchyard-model')}@${provider}`
          if (one.status !== 200 || provider === null) continue
          seen.answers += 1
          expect(against(from, one, world, host)).toEqual([])
        }
      }),
      runs,
    )
    expect(seen.calls).toBeGreaterThan(400)
    expect(seen.ofLists).toBeGreaterThan(150)
    expect(seen.answers).toBeGreaterThan(100)
  })
})

/** The ends that a stream has: its mark, or one error. */
const endsOf = (text: string) =>
  text.split('\n').filter((line) => line === 'data: [DONE]' || line.startsWith('data: {"error":'))
    .length

describe('every plan ends', () => {
  it('with one answer or one typed error, in so many calls and so much time, and nothing is left behind', async () => {
    const statuses = new Map<number, number>()
    await fc.assert(
      fc.asyncProperty(anyWorld, async (world) => {
        const walked = await walk(world)
        if (walked === null) return
        for (const one of walked.went) {
          statuses.set(one.status, (statuses.get(one.status) ?? 0) + 1)
          expect(one.calls.length).toBeLessThanOrEqual(world.mostCalls)
          expect(one.tookMs).toBeLessThanOrEqual(longestMs(one.request))
          const isStream = one.headers.get('content-type')?.includes('event-stream') === true
          if (isStream) {
            expect(endsOf(one.text)).toBe(1)
            continue
          }
          const { error, choices } = JSON.parse(one.text) as { error?: object; choices?: object[] }
          if (one.status === 200) expect(choices).toHaveLength(1)
          else
            expect(error).toMatchObject({ code: expect.any(String), message: expect.any(String) })
        }
        expect(walked.host.clock.pending).toBe(0)
      }),
      runs,
    )
    // It can go either way.
    expect(statuses.get(200)).toBeGreaterThan(100)
    expect(statuses.get(502)).toBeGreaterThan(20)
  })
})
