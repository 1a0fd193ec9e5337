/**
 * The health of one provider in one region: which of its domains may be used, and how much. Pure: time and
 * chance are arguments, effects are data. The object runs it on what all isolates report, and each isolate on
 * its own outcomes, so that one that is cold or cut off is protected too.
 */
import { force, reset } from './core/admin.ts'
import { countRow } from './core/count-row.ts'
import { evaluate } from './core/evaluate.ts'
import { grantWanted } from './core/grant.ts'
import { applyProbe } from './core/probe.ts'
import { schedule } from './core/schedule.ts'
import { domainsSince } from './core/snapshot.ts'
import { emptyState, type HealthState } from './core/state.ts'
import { stoppedTrials, takeTrials } from './core/trials.ts'
import type { Turn } from './core/turn.ts'
import type { HealthEffect, HealthEvent, OwnOutcomes } from './events.ts'
import type { HealthReply, HealthReport, OutcomeRow, Permit, ProbeOutcome } from './protocol.ts'
import { isName, readRow } from './rules/outcomes.ts'
import { activeIsolates, isNews, nextFlushMs } from './rules/senders.ts'
import type { HealthSettings } from './settings.ts'

export { durable, type DurableHealth } from './core/durable.ts'
export type {
  HealthEffect,
  HealthEvent,
  Transition,
  TransitionCause,
  TrialStopped,
} from './events.ts'
export { restore } from './core/restore.ts'
export { snapshot } from './core/snapshot.ts'
export type { HealthState } from './core/state.ts'

export interface Step {
  readonly state: HealthState
  readonly effects: readonly HealthEffect[]
}

/** `boot` names this life of the object and was never used before: versions and permits belong to it. */
export function emptyHealth(settings: HealthSettings, boot: string, nowMs = 0): HealthState {
  return emptyState(settings, boot, nowMs)
}

/**
 * Takes in one event. The state belongs to the caller and is changed in place, because copying rings of
 * counters would cost more than counting: go on with the returned one. `random` in [0, 1).
 */
export function step(
  state: HealthState,
  event: HealthEvent,
  nowMs: number,
  random: () => number,
): Step {
  // A clock that goes back would put outcomes into buckets that were thrown away.
  if (nowMs > state.nowMs) state.nowMs = nowMs
  const effects: HealthEffect[] = []
  const turn: Turn = {
    state,
    nowMs: state.nowMs,
    random,
    effects,
    mustPersist: false,
    mustSchedule: false,
  }
  if (state.alarmAtMs !== null && state.alarmAtMs <= turn.nowMs) state.alarmAtMs = null
  const answer = take(turn, event)
  if (turn.mustPersist) effects.push({ kind: 'persist' })
  if (turn.mustSchedule) schedule(turn)
  if (answer !== null) effects.push(answer)
  return { state, effects }
}

function take(turn: Turn, event: HealthEvent): HealthEffect | null {
  switch (event.kind) {
    case 'report':
      return takeReport(turn, event.report)
    case 'outcomes':
      return takeOwn(turn, event)
    case 'tick':
      evaluate(turn)
      return null
    case 'force': {
      const reason = force(turn, event)
      evaluate(turn)
      return reason && { kind: 'refused', reason }
    }
    case 'reset': {
      const reason = reset(turn, event.key)
      return reason && { kind: 'refused', reason }
    }
  }
}

function takeReport(turn: Turn, report: HealthReport): HealthEffect {
  const { state, nowMs } = turn
  if (!isReport(report)) return { kind: 'refused', reason: 'malformed_report' }
  const sender = `${report.isolate} ${report.bootNonce}`
  const isNew = isNews(state.senders, sender, report.sequence, nowMs, state.settings)
  if (isNew) takeOutcomes(turn, report.rows, report.probes, true)
  if (isNew && Array.isArray(report.trials)) takeTrials(turn, report.trials)
  evaluateWhenDue(turn)
  const permits = isNew ? grantTo(turn, report.wants, report.credential) : []
  return { kind: 'reply', reply: replyTo(turn, report, permits) }
}

function takeOwn(
  turn: Turn,
  { rows, probes, wants, credential }: OwnOutcomes,
): HealthEffect | null {
  takeOutcomes(turn, rows, probes ?? [], false)
  evaluateWhenDue(turn)
  return wants ? { kind: 'permits', permits: grantTo(turn, wants, credential) } : null
}

/** Rows first: a probe that closes a circuit throws away the evidence of the outage, its own row included. */
function takeOutcomes(
  turn: Turn,
  rows: readonly OutcomeRow[],
  probes: readonly ProbeOutcome[],
  isTraffic: boolean,
): void {
  const { settings, targets } = turn.state
  for (let at = 0; at < rows.length && at < settings.maxRows; at += 1) {
    const row = readRow(rows[at] as OutcomeRow, turn.nowMs, settings)
    if (row === null) continue
    countRow(turn, row)
    const target = isTraffic ? targets.get(row.target) : undefined
    if (target !== undefined) target.wantedAtMs = turn.nowMs
  }
  for (const probe of probes.slice(0, settings.maxProbes)) applyProbe(turn, probe)
}

/**
 * Not after each report: the order of those that come within a tenth of a second decides nothing, and a
 * thousand reports a second cost ten looks at the windows.
 */
function evaluateWhenDue(turn: Turn): void {
  if (turn.nowMs >= turn.state.evaluateAtMs) evaluate(turn)
}

function grantTo(
  turn: Turn,
  wants: readonly string[],
  credential: string | undefined,
): readonly Permit[] {
  return grantWanted(turn, wants, isName(credential) ? credential : null)
}

function replyTo(turn: Turn, report: HealthReport, permits: readonly Permit[]): HealthReply {
  const { state, nowMs } = turn
  const active = activeIsolates(state.senders, nowMs, state.settings)
  const stopped = stoppedTrials(turn)
  const knows = report.haveBoot === state.boot && report.haveVersion <= state.version
  return {
    boot: state.boot,
    version: state.version,
    nextFlushMs: nextFlushMs(active, state.settings),
    activeIsolates: active,
    domains: domainsSince(state, knows ? report.haveVersion : -1, nowMs),
    permits,
    ...(stopped.length > 0 && { stoppedTrials: stopped }),
  }
}

/** The frame of a report; its rows and probes are checked one by one. */
function isReport(report: HealthReport): boolean {
  return (
    typeof report === 'object' &&
    report !== null &&
    isId(report.isolate) &&
    isId(report.bootNonce) &&
    Number.isSafeInteger(report.sequence) &&
    report.sequence >= 0 &&
    Array.isArray(report.rows) &&
    Array.isArray(report.probes) &&
    Array.isArray(report.wants)
  )
}

function isId(id: unknown): boolean {
  return isName(id) && id.length <= 64
}
