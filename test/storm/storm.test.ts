import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LineRow } from '../../durable-objects/tenant-ledger/rows.ts'
import { report } from '../support/report.ts'
import type { SeenRequest } from '../support/start-simulator.ts'
import { startFleet, type Fleet } from '../support/start-fleet.ts'
import type { Outcome } from './client.ts'
import { nanoOf } from './bill.ts'
import { stormRoutes } from './requests.ts'
import { demandOf, storm, type StormOptions, type StormResult } from './storm.ts'
import { budgetOf } from './watch.ts'

/**
 * Gateways in processes of their own that share one ledger, far more demand than its cap, everything that can go wrong
 * going wrong: the providers' own record of what they billed is never more than what the ledger has charged, and that
 * never more than the cap. `STORM_SEED=... npx vitest run --project storm` draws the same requests again; what happens
 * to them is up to the machine.
 */
const options: StormOptions = {
  seed: process.env['STORM_SEED'] ?? String(Date.now() % 1_000_000),
  clients: 64,
  capNanoUsd: 1_200_000_000,
  limitMs: 30_000,
  killAtShare: 0.3,
  enoughShare: 0.97,
  demandShare: 2,
}

/** A lease is lost after ten seconds and not after sixty, a hold after 22: a storm has to be over by then. */
const ledgerSettings = { leaseTtlMs: 10_000, leaseValidMs: 7000, longestStreamMs: 15_000 }

let fleet: Fleet
let result: StormResult
let lines: readonly LineRow[]

beforeAll(async () => {
  fleet = await startFleet({ routes: stormRoutes(), isolates: 5, ledgerSettings })
  const cap = {
    id: 'cap',
    scope: 'tenant',
    period: 'total',
    zone: 'UTC',
    capNanoUsd: options.capNanoUsd,
    mode: 'hard',
    thresholds: [],
    failOpenNanoUsd: 0,
  }
  await fleet.ledger.call('configure', { actor: 'storm', budgets: [cap], limits: [] })
  result = await storm(fleet, options)
  lines = await fleet.ledger.lines()
  tell(result)
})
// Nothing may outlive the tests, whatever became of the storm.
afterAll(() => fleet?.close())

const share = (part: number) => `${((100 * part) / options.capNanoUsd).toFixed(2)} %`
const count = <T>(all: readonly T[], which: (one: T) => boolean) => all.filter(which).length
const wasRefused = ({ errorCode }: Outcome) => errorCode === 'budget_exceeded'

function tell({ outcomes, drained, killed, watch }: StormResult): void {
  const waited = outcomes.filter(({ admitMs, status }) => status === 200 && admitMs !== null)
  report(
    [
      `storm: seed ${options.seed}, ${outcomes.length} requests, ${watch.bill.calls.length} calls`,
      `worth ${share(demandOf(outcomes))} of the cap`,
      `${count(outcomes, wasRefused)} refused`,
      `${count(outcomes, ({ ending }) => ending === 'gone')} clients left`,
      `${count(outcomes, ({ ending }) => ending === 'broken')} broken off`,
      `${count(waited, ({ admitMs }) => admitMs === 0)} from a lease, ${count(waited, ({ admitMs }) => admitMs !== 0)} held`,
      `killed at ${share(killed.chargedNanoUsd)}`,
      `charged ${share(drained.chargedNanoUsd)} (lost ${share(drained.lostNanoUsd)}, held ${share(drained.heldNanoUsd)}), billed ${share(drained.billedNanoUsd)}`,
      `${watch.samples.length} samples`,
    ].join(', '),
  )
}

describe('a storm over several isolates', () => {
  it('never bills more than is charged, nor charges more than the cap', () => {
    expect(result.watch.violation).toBeNull()
    expect(result.watch.samples.length).toBeGreaterThan(20)
    const { billedNanoUsd, chargedNanoUsd } = result.drained
    expect(billedNanoUsd).toBeLessThanOrEqual(chargedNanoUsd)
    expect(chargedNanoUsd).toBeLessThanOrEqual(options.capNanoUsd)
  })

  it('uses at least 95 % of the cap, of which far more was asked for', () => {
    expect(demandOf(result.outcomes) / options.capNanoUsd).toBeGreaterThan(1.2)
    expect(result.drained.chargedNanoUsd / options.capNanoUsd).toBeGreaterThanOrEqual(0.95)
  })

  it('charges each request at least what its calls were billed', () => {
    const charged = new Map<string, number>()
    for (const { attempt, amountNanoUsd } of lines)
      if (attempt !== null)
        charged.set(attempt.requestId, (charged.get(attempt.requestId) ?? 0) + amountNanoUsd)
    const bills = result.watch.bill.byMark()
    const short = result.outcomes.flatMap((outcome) => {
      const { requestId, isolate, request } = outcome
      const bill = bills.get(request.mark)
      if (requestId === null || isolate === result.dead || bill === undefined) return []
      const amount = charged.get(requestId) ?? 0
      return nanoOf(bill.pico) > amount ? [historyOf(outcome, bill.calls, amount)] : []
    })
    expect(short.join('\n')).toBe('')
  })

  it('refuses for the budget alone, and only what did not fit', () => {
    const refused = result.outcomes.filter(wasRefused)
    expect(refused.length).toBeGreaterThan(0)
    expect(refused.filter(({ status }) => status !== 402)).toEqual([])
    // As the refusal itself says what was left; one that does not say so is none that can be believed.
    const fitted = refused.filter(
      ({ remainingNanoUsd, request }) =>
        remainingNanoUsd === null || remainingNanoUsd >= request.leastNanoUsd,
    )
    expect(fitted).toEqual([])
    const codes = new Set(result.outcomes.map(({ errorCode }) => errorCode))
    for (const code of ['ledger_unavailable', 'unpriced_model', 'invalid_request', 'internal'])
      expect(codes).not.toContain(code)
  })

  it('writes lines that add up to what its account moved', async () => {
    const { budgets } = await fleet.ledger.budgets()
    const { spentNanoUsd, lostNanoUsd, heldNanoUsd } = budgetOf(budgets)
    const sumOf = (kind: LineRow['kind']) =>
      lines
        .filter((line) => line.kind === kind)
        .reduce((sum, { amountNanoUsd }) => sum + amountNanoUsd, 0)
    expect(sumOf('attempt')).toBe(spentNanoUsd)
    expect(sumOf('lost') - sumOf('found')).toBe(lostNanoUsd)
    expect(heldNanoUsd).toBe(0)
  })

  it('keeps what the dead isolate held charged, and nothing else', () => {
    const alerts = fleet.owner.logs.text
      .split('\n')
      .filter((line) => line.includes('"ledger_alert"'))
      .map((line) => JSON.parse(line.slice(line.indexOf('{'))) as Alert)
    const lost = alerts.filter(({ code }) => code === 'lease_lost')
    expect(result.drained.lostNanoUsd).toBeGreaterThan(0)
    expect(new Set(lost.map(({ detail }) => detail)).size).toBe(1)
    expect(lost.reduce((sum, { amountNanoUsd }) => sum + amountNanoUsd, 0)).toBe(
      result.drained.lostNanoUsd,
    )
    // A lease among them: a hold lives so much longer than any request that none is lost as soon as this.
    const soonMs = result.killedAtMs + ledgerSettings.leaseTtlMs + 2000
    expect(count(lines, ({ kind, atMs }) => kind === 'lost' && atMs < soonMs)).toBeGreaterThan(0)
    expect(alerts.filter(({ code }) => code !== 'lease_lost')).toEqual([])
  })

  it('has spent from leases and from holds', () => {
    const served = result.outcomes.filter(({ status }) => status === 200)
    expect(count(served, ({ admitMs }) => admitMs === 0)).toBeGreaterThan(50)
    expect(count(served, ({ admitMs }) => (admitMs ?? 0) > 0)).toBeGreaterThan(50)
    const ofLease = new Map<string, number>()
    for (const { leaseId, kind } of lines)
      if (kind === 'attempt') ofLease.set(leaseId, (ofLease.get(leaseId) ?? 0) + 1)
    expect(Math.max(...ofLease.values())).toBeGreaterThan(2)
  })
})

/** What went wrong with one request, on one line. */
function historyOf(
  { request, requestId, ending }: Outcome,
  calls: readonly SeenRequest[],
  amount: number,
): string {
  const { mark, path, stream, reading } = request
  const own = lines.filter(({ attempt }) => attempt?.requestId === requestId)
  return JSON.stringify({
    mark,
    path,
    stream,
    reading,
    ending,
    amount,
    calls: calls.map(({ provider, model, faults, billed, aborted, status, durationMs }) => ({
      provider,
      model,
      faults,
      billed,
      aborted,
      status,
      durationMs,
    })),
    lines: own.map(({ amountNanoUsd, basis, attempt }) => ({
      amountNanoUsd,
      basis,
      usage: attempt?.usage,
      worst: attempt?.worstNanoUsd,
    })),
  })
}

interface Alert {
  readonly code: string
  readonly leaseId: string | null
  readonly amountNanoUsd: number
  readonly detail: string
}
