import { readFileSync } from 'node:fs'
import { durationMs } from './durations.ts'
import { wrongUse } from './failure.ts'

/** Budgets and limits as they are written on a command line. What they may be is the gateway's to say. */

export const budgetForm =
  'SCOPE PERIOD USD hard|soft [zone=IANA] [warn@PERCENT] [block@PERCENT] [fail-open=USD]'

const actions = ['warn', 'degrade', 'clamp', 'block']

export function budgetOf(text: string): object {
  const [scope, period, limitUsd, mode, ...more] = text.trim().split(/\s+/)
  if (mode === undefined) throw wrongUse(`--budget "${budgetForm}" (found "${text}")`)
  const percents = new Map<number, string[]>()
  const beside: Record<string, string> = {}
  for (const word of more) {
    const [, action = '', percent = ''] = /^([a-z]+)@(\d+)%?$/.exec(word) ?? []
    const [, name = '', value = ''] = /^(zone|fail-open)=(.+)$/.exec(word) ?? []
    if (actions.includes(action))
      percents.set(Number(percent), [...(percents.get(Number(percent)) ?? []), action])
    else if (name !== '') beside[name === 'zone' ? 'zone' : 'failOpenUsd'] = value
    else
      throw wrongUse(`--budget: "${word}" is none of ${budgetForm.slice(budgetForm.indexOf('['))}`)
  }
  const thresholds = [...percents].map(([percent, names]) => ({ percent, actions: names }))
  return {
    scope,
    period,
    limitUsd,
    mode,
    ...beside,
    ...(thresholds.length > 0 && { thresholds }),
  }
}

export const limitForm = 'SCOPE requests|tokens COUNT [WINDOW], or SCOPE concurrency COUNT'

export function limitOf(text: string): object {
  const [scope, kind, count = '', window, ...more] = text.trim().split(/\s+/)
  if (!/^\d{1,15}$/.test(count) || more.length > 0)
    throw wrongUse(`--limit "${limitForm}" (found "${text}")`)
  const windowMs = window === undefined ? {} : { windowMs: durationMs(window, '--limit') }
  return { scope, kind, limit: Number(count), ...windowMs }
}

/** The budget of a key: `PERIOD USD hard|soft`. */
export function keyBudgetOf(text: string): object {
  const [period, limitUsd, mode, ...more] = text.trim().split(/\s+/)
  if (mode === undefined || more.length > 0)
    throw wrongUse(`--budget "PERIOD USD hard|soft" (found "${text}")`)
  return { period, limitUsd, mode }
}

export function tagsOf(texts: readonly string[]): Record<string, string> {
  const tags: Record<string, string> = {}
  for (const text of texts) {
    const equals = text.indexOf('=')
    if (equals < 1) throw wrongUse(`--tag NAME=VALUE (found "${text}")`)
    tags[text.slice(0, equals)] = text.slice(equals + 1)
  }
  return tags
}

/** `a,b` and the option again are the same. */
export function namesOf(texts: readonly string[]): string[] {
  return texts.flatMap((text) => text.split(',')).map((name) => name.trim())
}

/** A list from `--file`, or from the option that is given once for each; not both, and not neither. */
export function listFrom(
  file: string | undefined,
  texts: readonly string[],
  option: string,
  read: (text: string) => object,
): unknown {
  if ((file === undefined) === (texts.length === 0))
    throw wrongUse(`give ${option} once for each, or --file FILE with the whole list as JSON`)
  return file === undefined ? texts.map(read) : jsonFile(file)
}

export function jsonFile(file: string): unknown {
  let text: string
  try {
    // 0 is the standard input.
    text = readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (cause) {
    throw wrongUse(
      `${file} cannot be read: ${cause instanceof Error ? cause.message : 'no reason'}`,
    )
  }
  try {
    return JSON.parse(text)
  } catch {
    throw wrongUse(`${file} is not JSON`)
  }
}
