import type { Exchange, LeaseId, ScopeId } from './protocol.ts'
import { rpcVersion } from './rpc.ts'

/**
 * What crosses the border is checked here, once: its form and its size. What the numbers in it may be is decided by
 * the core, which leaves out a single bad statement and takes in the others. A caller that breaks a rule of this file
 * has a bug, and gets a `RangeError` that names the field and the rule.
 */

/** Characters of an id, a name, a scope. */
export const maxNameLength = 512
/** An isolate sends at most half of it (`maxStatements` of its settings). */
export const maxStatements = 512
export const maxAsks = 64
export const maxScopes = 64
/** Of one exchange. A holder sends all lines that were not acknowledged: some minutes of a busy lease. */
export const maxLines = 20_000
export const maxTags = 32
const maxUsageFields = 32
const maxReasonLength = 1000
export const maxBudgets = 1000
export const maxLimits = 1000
export const maxThresholds = 16
export const maxPageLines = 500
/** Rows of a journal that one restore takes in. */
export const maxJournalRows = 50_000

export function acceptVersion(version: unknown): void {
  if (typeof version === 'number' && Number.isInteger(version))
    if (Math.abs(version - rpcVersion) <= 1) return
  refuse('version', `within one of ${rpcVersion}`, version)
}

export type Fields = Readonly<Record<string, unknown>>

export function refuse(path: string, rule: string, value: unknown): never {
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? typeof value)
  throw new RangeError(`${path} must be ${rule}, got ${text.slice(0, 60)}`)
}

export function object(value: unknown, path: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    refuse(path, 'an object', value)
  return value as Fields
}

export function list(value: unknown, path: string, most: number): readonly unknown[] {
  if (!Array.isArray(value)) refuse(path, 'a list', value)
  if (value.length > most) refuse(path, `a list of at most ${most}`, value.length)
  return value
}

export function name(value: unknown, path: string): string {
  if (typeof value !== 'string' || value.length === 0 || value.length > maxNameLength)
    refuse(path, `a text of 1 to ${maxNameLength} characters`, value)
  return value
}

function text(value: unknown, path: string, most = maxNameLength): void {
  if (typeof value !== 'string' || value.length > most)
    refuse(path, `a text of at most ${most} characters`, value)
}

export function wholeNumber(value: unknown, path: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    refuse(path, 'a safe integer of 0 or more', value)
  return value
}

export function flag(value: unknown, path: string): boolean {
  if (typeof value !== 'boolean') refuse(path, 'true or false', value)
  return value
}

export function oneOf<Word extends string>(
  value: unknown,
  path: string,
  words: readonly Word[],
): Word {
  if (!words.includes(value as Word)) refuse(path, `one of ${words.join(', ')}`, value)
  return value as Word
}

const scopeForm = /^(tenant|(team|key|route):.+|tag:[^=]+=.*)$/

export function scope(value: unknown, path: string): ScopeId {
  const text = name(value, path)
  if (!scopeForm.test(text)) refuse(path, 'tenant, team:…, key:…, route:… or tag:name=value', value)
  return text as ScopeId
}

const leaseIdForm = /^\d{1,16}\.\d{1,16}$/

export function leaseId(value: unknown, path: string): LeaseId {
  if (typeof value !== 'string' || !leaseIdForm.test(value))
    refuse(path, 'an id of a lease, epoch.number', value)
  return value as LeaseId
}

/** Everything the core takes for granted, so that no exchange can make it throw. */
export function readExchange(value: unknown): Exchange {
  const fields = object(value, 'exchange')
  name(fields['holder'], 'exchange.holder')
  const statements = list(fields['statements'], 'exchange.statements', maxStatements)
  const asks = list(fields['asks'], 'exchange.asks', maxAsks)
  let lines = 0
  for (const [index, one] of statements.entries())
    lines += checkStatement(object(one, at('statements', index)), at('statements', index))
  if (lines > maxLines) refuse('exchange.statements', `of at most ${maxLines} lines`, lines)
  for (const [index, one] of asks.entries())
    checkAsk(object(one, at('asks', index)), at('asks', index))
  return value as Exchange
}

function at(field: string, index: number): string {
  return `exchange.${field}[${index}]`
}

/** How many lines it has. A kind that this version does not know is left to the core, which does not acknowledge it. */
function checkStatement(said: Fields, path: string): number {
  switch (said['kind']) {
    case 'void':
      name(said['askId'], `${path}.askId`)
      return 0
    case 'post':
      leaseId(said['leaseId'], `${path}.leaseId`)
      checkLine(said['line'], `${path}.line`)
      return 1
    case 'book':
      name(said['askId'], `${path}.askId`)
      checkScopes(said['scopes'], `${path}.scopes`)
      checkLine(said['line'], `${path}.line`)
      return 1
    case 'report':
    case 'seal':
    case 'close': {
      leaseId(said['leaseId'], `${path}.leaseId`)
      if (said['usedUnits'] !== undefined) object(said['usedUnits'], `${path}.usedUnits`)
      if (said['adopt'] !== undefined) checkAdoption(object(said['adopt'], `${path}.adopt`), path)
      const lines = list(said['lines'], `${path}.lines`, maxLines)
      for (const [index, line] of lines.entries()) checkLine(line, `${path}.lines[${index}]`)
      return lines.length
    }
    default:
      name(said['kind'], `${path}.kind`)
      return 0
  }
}

function checkAdoption(adopt: Fields, path: string): void {
  checkScopes(adopt['scopes'], `${path}.adopt.scopes`)
  const accounts = list(adopt['accounts'], `${path}.adopt.accounts`, maxBudgets)
  for (const [index, account] of accounts.entries())
    name(account, `${path}.adopt.accounts[${index}]`)
}

function checkScopes(value: unknown, path: string): void {
  for (const [index, one] of list(value, path, maxScopes).entries()) scope(one, `${path}[${index}]`)
}

function checkLine(value: unknown, path: string): void {
  const line = object(value, path)
  for (const field of ['attemptId', 'requestId', 'route', 'target', 'priceVersion'] as const)
    text(line[field], `${path}.${field}`)
  if (line['servedModel'] !== null) text(line['servedModel'], `${path}.servedModel`)
  if (line['keyId'] !== undefined) text(line['keyId'], `${path}.keyId`)
  oneOf(line['basis'], `${path}.basis`, ['exact', 'estimated', 'worst_case'])
  if (typeof line['atMs'] !== 'number') refuse(`${path}.atMs`, 'a number', line['atMs'])
  const usage = Object.entries(object(line['usage'], `${path}.usage`))
  if (usage.length > maxUsageFields)
    refuse(`${path}.usage`, `at most ${maxUsageFields} fields`, usage.length)
  for (const [field, count] of usage)
    if (typeof count !== 'number') refuse(`${path}.usage.${field}`, 'a number', count)
  if (line['tags'] !== undefined) checkTags(object(line['tags'], `${path}.tags`), `${path}.tags`)
  checkAccount(line, path)
}

/** What is only shown. A duration may be anything finite: a clock that went back is no reason to refuse the money. */
function checkAccount(line: Fields, path: string): void {
  if (line['reason'] !== undefined) text(line['reason'], `${path}.reason`, maxReasonLength)
  if (line['outcome'] !== undefined) text(line['outcome'], `${path}.outcome`)
  for (const field of ['durationMs', 'firstTokenMs'] as const)
    if (line[field] !== undefined && !Number.isFinite(line[field]))
      refuse(`${path}.${field}`, 'a finite number', line[field])
  if (line['status'] !== undefined) wholeNumber(line['status'], `${path}.status`)
  if (line['continues'] !== undefined) checkContinues(line['continues'], `${path}.continues`)
}

function checkContinues(value: unknown, path: string): void {
  const continues = object(value, path)
  for (const field of ['from', 'because', 'mode'] as const)
    text(continues[field], `${path}.${field}`)
}

function checkTags(tags: Fields, path: string): void {
  const entries = Object.entries(tags)
  if (entries.length > maxTags) refuse(path, `at most ${maxTags} tags`, entries.length)
  for (const [tag, value] of entries) {
    name(tag, path)
    text(value, `${path}.${tag}`)
  }
}

function checkAsk(ask: Fields, path: string): void {
  name(ask['askId'], `${path}.askId`)
  name(ask['kind'], `${path}.kind`)
  checkScopes(ask['scopes'], `${path}.scopes`)
  if (ask['kind'] === 'grant') object(ask['units'], `${path}.units`)
}
