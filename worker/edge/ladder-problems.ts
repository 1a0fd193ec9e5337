import { type ConfigProblem, pathText } from './config-problem.ts'
import type { Config, RouteConfig } from './config-schema.ts'
import { rungName } from './ladder.ts'
import { parseTemplate } from './template.ts'
import { intentOfTier, isLesser } from './tiers.ts'

/** What is wrong with ladders, caches and validation that their schemas cannot say. */
export function ladderProblems(config: Config): ConfigProblem[] {
  return Object.entries(config.routes).flatMap(([name, route]) => {
    const at = (...rest: readonly PropertyKey[]) => pathText(['routes', name, ...rest])
    return [
      ...rungProblems(route, at),
      ...smallerProblems(route, at),
      ...cacheProblems(route, at),
      ...validateProblems(route, at),
      ...(route.priority !== undefined && config.scarcity === undefined
        ? [
            {
              path: at('priority'),
              rule: 'means nothing without "scarcity" at the top of the file',
              value: route.priority,
            },
          ]
        : []),
    ]
  })
}

type At = (...rest: readonly PropertyKey[]) => string

function rungProblems({ degrade = [] }: RouteConfig, at: At): ConfigProblem[] {
  const names = degrade.map(rungName)
  return degrade.flatMap((rung, index) => {
    const name = rungName(rung)
    const problems: ConfigProblem[] = []
    if (names.indexOf(name) < index)
      problems.push({ path: at('degrade', index), rule: 'stands there twice', value: name })
    if (typeof rung !== 'string' && rung.rung === 'template') {
      const parsed = parseTemplate(rung.text)
      const path = at('degrade', index, 'text')
      if (!parsed.ok) problems.push({ path, rule: parsed.rule, value: parsed.value })
    }
    return problems
  })
}

function smallerProblems({ degrade = [], tiers }: RouteConfig, at: At): ConfigProblem[] {
  const index = degrade.findIndex((rung) => rungName(rung) === 'smaller-model')
  if (index === -1) return []
  const lesser = tiers.filter((tier) => isLesser(intentOfTier(tier))).length
  const value = 'smaller-model'
  if (lesser === 0) {
    const rule = 'needs a tier with the intent "smaller" or "degraded"'
    return [{ path: at('degrade', index), rule, value }]
  }
  if (lesser < tiers.length) return []
  const rule = 'needs a tier that is not "smaller" or "degraded" to stand before it'
  return [{ path: at('degrade', index), rule, value }]
}

function cacheProblems({ degrade = [], cache }: RouteConfig, at: At): ConfigProblem[] {
  if (cache === undefined || cache.mode === 'first') return []
  if (degrade.some((rung) => rungName(rung) === 'cache')) return []
  const rule = 'is asked by nobody: give it "mode": "first", or "cache" a place in "degrade"'
  return [{ path: at('cache'), rule, value: cache }]
}

function validateProblems({ validate }: RouteConfig, at: At): ConfigProblem[] {
  if (validate === undefined) return []
  const { buffer: _buffer, ...rules } = validate
  if (Object.keys(rules).length > 0) return []
  const rule = 'needs a rule: "schema", "nonEmpty", "finish" or "noErrorText"'
  return [{ path: at('validate'), rule, value: validate }]
}
