import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CircuitAsker, expectAnswers, isBack, passedOver, pause } from '../support/circuit-asker.ts'
import { report } from '../support/report.ts'
import { healthy, kits } from '../support/scripted-answers.ts'
import {
  startScriptedUpstream,
  type Script,
  type ScriptedUpstream,
} from '../support/scripted-upstream.ts'
import { startRawGateway, type RawGateway } from '../support/start-raw-gateway.ts'
import { emptyRoutes, patientTimeouts, scriptedProvider, secretOf } from '../support/test-routes.ts'

/**
 * The object of provider health away, on workerd: three gateways in one process, whose objects are well, throw in
 * every call, and never answer. They get the same requests, one after the other in turn.
 */
const services = [
  { name: 'is well', standIn: null },
  { name: 'throws', standIn: 'ThrowingHealth' },
  { name: 'never answers', standIn: 'SilentHealth' },
] as const

/** An isolate reports on each provider by itself: with so many, every request has a report to send. */
const steady = Array.from({ length: 60 }, (_, index) => `steady-${index + 1}`)

let upstream: ScriptedUpstream
let gateway: RawGateway
let asker: CircuitAsker
let directory: string

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  const routes = { ...emptyRoutes(), health: { mode: 'enforce' } }
  const secrets: Record<string, string> = {}
  for (const id of [...steady, 'failing', 'backup']) {
    routes.providers[id] = scriptedProvider(id, 'openai', upstream.host)
    routes.targets[`m@${id}`] = {}
    secrets[secretOf(id)] = `${id}-provider-key`
    routes.routes[id] = { tiers: [[`m@${id}`], ['m@backup']], timeouts: patientTimeouts }
    upstream.on(id, healthy(kits.openai, 'hello'))
  }
  directory = mkdtempSync(join(tmpdir(), 'switchyard-away-'))
  const script = join(directory, 'away.js')
  const source = readFileSync(join(import.meta.dirname, '../support/away-health.ts'), 'utf8')
  writeFileSync(script, stripTypeScriptTypes(source))
  const standIn = { script, classes: services.map((one) => one.standIn) }
  gateway = await startRawGateway(routes, secrets, { services: services.length, standIn })
  asker = new CircuitAsker(gateway)
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
  rmSync(directory, { recursive: true, force: true })
})

const failing: Script = (reply) => {
  reply.head(500, { 'content-type': 'application/json' })
  reply.end(JSON.stringify({ error: { message: 'no' } }))
}

/** How often each object was called; neither has ever answered. */
async function unanswered(): Promise<{ readonly throwing: number; readonly silent: number }> {
  const response = await fetch(gateway.standInUrl ?? '')
  return (await response.json()) as { throwing: number; silent: number }
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

const rounds = 4
/** An errand without a reply is given up after this; until then nobody else reports on its provider. */
const errandMs = 1500
/** How much later the slowest of a hundred may be, on a busy machine; far less than anything that waits for the object. */
const roomMs = 750

describe('a request while the health object is away', () => {
  it('takes as long as ever, although its report is never answered', async () => {
    const tookMs = services.map((): number[] => [])
    for (let round = 0; round < rounds; round++) {
      if (round > 0) await pause(errandMs + 500)
      for (const model of steady)
        for (const [service, took] of tookMs.entries()) {
          const tried = await asker.once(model, { stream: round % 2 === 0 }, service)
          expect(tried).toMatchObject({ provider: model, attempts: 1 })
          expectAnswers([tried])
          took.push(tried.seen.durationMs)
        }
    }
    const calls = await unanswered()
    report(
      `${rounds * steady.length} requests each; calls without an answer: ${JSON.stringify(calls)}`,
    )
    for (const [index, took] of tookMs.entries())
      report(`object ${services[index]?.name}: ${figures(took)}`)
    // Every one of the requests was over before its report was.
    expect(calls.throwing).toBeGreaterThanOrEqual(rounds * steady.length)
    expect(calls.silent).toBeGreaterThanOrEqual(rounds * steady.length)
    const [well = [], ...away] = tookMs
    for (const took of away)
      expect(quantile(took, 0.99)).toBeLessThan(quantile(well, 0.99) + roomMs)
  }, 60_000)

  it.each([1, 2])(
    'is kept from a failing provider by what its own isolate saw (service %i)',
    async (service) => {
      upstream.on('failing', failing)
      const tries = await asker.until(passedOver, 'failing', {}, { service })
      expectAnswers(tries)
      expect(tries.length).toBeLessThan(20)
      upstream.on('failing', healthy(kits.openai, 'hello'))
      expectAnswers(await asker.until(isBack, 'failing', {}, { service }))
    },
    60_000,
  )
})

function figures(tookMs: readonly number[]): string {
  const at = (share: number) => `${quantile(tookMs, share).toFixed(1)} ms`
  return `p50 ${at(0.5)}, p99 ${at(0.99)}, worst ${at(1)}`
}
