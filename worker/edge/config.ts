import { adapterOf, adapters } from '../providers/index.ts'
import {
  describeProblems,
  pathText,
  problemsOfIssues,
  type ConfigProblem,
} from './config-problem.ts'
import { configSchema, type Config } from './config-schema.ts'
import { ladderProblems } from './ladder-problems.ts'
import { parallelProblems } from './parallel-problems.ts'
import { rankingProblems } from './ranking-problems.ts'
import { ruleProblems } from './rule-problems.ts'
import { entriesOfTier, targetsAreChosen } from './tiers.ts'
import { runProblems } from './run/problems.ts'

export { describeProblems, type ConfigProblem }

export type ConfigResult =
  | { readonly ok: true; readonly config: Config; readonly version: string }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] }

/**
 * What an operator must mend before anything is served. Its message holds names
 * and rules, never a secret; `problems` hold values too, for whoever started it.
 */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
  readonly problems: readonly ConfigProblem[]

  constructor(message: string, problems: readonly ConfigProblem[] = []) {
    super(message)
    this.problems = problems
  }
}

/** What decides how strictly base URLs are read. */
export interface ConfigSwitches {
  /** Set by `npm start`: plain http on a loopback address is allowed. */
  readonly local: boolean
}

/** Reads a parsed `routes.json`: the schema first, then what only the whole file can tell. */
export function readConfig(raw: unknown, switches: ConfigSwitches): ConfigResult {
  const parsed = configSchema.safeParse(raw)
  if (!parsed.success) return { ok: false, problems: problemsOfIssues(raw, parsed.error.issues) }
  const problems = [
    ...crossProblems(parsed.data),
    ...alertProblems(parsed.data, switches),
    ...runProblems(parsed.data, (url) => baseUrlRule(url, switches)),
    ...providerProblems(parsed.data, switches),
  ]
  if (problems.length > 0) return { ok: false, problems }
  return { ok: true, config: parsed.data, version: versionOf(raw) }
}

/** Names that lead nowhere. `Object.hasOwn`, because "constructor" is a name like any other. */
function crossProblems(config: Config): ConfigProblem[] {
  return [
    ...Object.keys(config.targets)
      .filter((name) => !Object.hasOwn(config.providers, providerOfTarget(name)))
      .map((name) => ({
        path: pathText(['targets', name]),
        rule: 'names a provider that is not declared',
        value: providerOfTarget(name),
      })),
    ...Object.entries(config.routes).flatMap(([name, { tiers }]) =>
      tiers.flatMap((tier, index) => tierProblems(config, tier, ['routes', name, 'tiers', index])),
    ),
    ...tenantProblems(config),
    ...ladderProblems(config),
    ...ruleProblems(config),
    ...parallelProblems(config),
    ...rankingProblems(config),
  ]
}

type Tier = Config['routes'][string]['tiers'][number]

function tierProblems(config: Config, tier: Tier, at: readonly PropertyKey[]): ConfigProblem[] {
  if (targetsAreChosen(tier)) return []
  const path = Array.isArray(tier) ? at : [...at, 'targets']
  const entries = entriesOfTier(tier)
  const names = entries.map(({ target }) => target)
  const problems: ConfigProblem[] = names.flatMap((target, index) =>
    Object.hasOwn(config.targets, target)
      ? []
      : [
          {
            path: pathText([...path, index]),
            rule: 'names a target that is not declared',
            value: target,
          },
        ],
  )
  const place = pathText(path)
  if (entries.every(({ weight }) => weight === 0))
    problems.push({ path: place, rule: 'the weights of a tier must not all be 0', value: 0 })
  if (new Set(names).size < names.length)
    problems.push({ path: place, rule: 'names a target twice', value: names })
  return problems
}

function tenantProblems({ tenants, routes }: Config): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  if (Object.hasOwn(tenants, 'admin'))
    problems.push({ path: 'tenants.admin', rule: 'is reserved for admin keys', value: 'admin' })
  for (const [name, tenant] of Object.entries(tenants)) {
    for (const [index, route] of tenant.routes.entries()) {
      if (route === '*' || Object.hasOwn(routes, route)) continue
      const path = pathText(['tenants', name, 'routes', index])
      problems.push({ path, rule: 'names a route that is not declared', value: route })
    }
  }
  return problems
}

/** Alerts go to a host that was reviewed, like everything that leaves. */
function alertProblems({ alerts }: Config, switches: ConfigSwitches): ConfigProblem[] {
  const rule = alerts === undefined ? null : baseUrlRule(alerts.url, switches)
  return rule === null ? [] : [{ path: 'alerts.url', rule, value: alerts?.url }]
}

function providerProblems(config: Config, switches: ConfigSwitches): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  for (const [name, provider] of Object.entries(config.providers)) {
    const place = (...rest: readonly string[]) => pathText(['providers', name, ...rest])
    const { adapter, baseUrl, binding, credential } = provider
    if (adapterOf(adapter) === undefined) {
      const rule = `must be one of ${[...adapters.keys()].sort().join(', ')}`
      problems.push({ path: place('adapter'), rule, value: adapter })
    }
    if ((baseUrl === undefined) === (binding === undefined)) {
      problems.push({
        path: place(),
        rule: 'needs exactly one of "baseUrl" and "binding"',
        value: provider,
      })
      continue
    }
    if (baseUrl === undefined) continue
    const rule = baseUrlRule(baseUrl, switches)
    if (rule !== null) {
      problems.push({ path: place('baseUrl'), rule, value: baseUrl })
      continue
    }
    const host = hostText(baseUrl)
    if (credential.kind !== 'none' && credential.host !== host) {
      problems.push({
        path: place('credential', 'host'),
        rule: `must be the base URL's host "${host}": a credential is bound to one host`,
        value: credential.host,
      })
    }
  }
  return problems
}

const loopbackHost = /^(127\.\d{1,3}\.\d{1,3}\.\d{1,3}|localhost|\[::1\])$/
/** Public host names only: at least two labels, the last not numeric, so no IP in any spelling (decimal, hex, octal, mapped). */
const publicHost = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$/
const privateSuffix = /(^|\.)(localhost|local|internal|lan|home|arpa|test|invalid|onion)$/

/** A host that the environment names as a whole (an own server); its value is held to the same rules when it is filled in. */
const wholeHostPlaceholder = /^(https:\/\/)\$\{([A-Z][A-Z0-9_]*)\}(?=\/|$)/

/**
 * The address of an operator's own server (`https://${OLLAMA_HOST}`) when the
 * environment puts it on this machine: such a server speaks plain http. Null
 * for every other address.
 */
export function ownLoopbackUrl(baseUrl: string, valueOf: (name: string) => unknown): string | null {
  const value = valueOf(wholeHostPlaceholder.exec(baseUrl)?.[2] ?? '')
  if (typeof value !== 'string' || !loopbackHost.test(value.replace(/:\d+$/, ''))) return null
  return baseUrl.replace(/^https:/, 'http:')
}

/** The rule a base URL breaks, or null. `${NAME}` stands for one label or path segment and is checked as such. */
export function baseUrlRule(baseUrl: string, switches: ConfigSwitches): string | null {
  // eslint-disable-next-line no-control-regex -- control characters are what is refused here
  if (/[\s\\\u0000-\u001f\u007f]/.test(baseUrl))
    return 'must not hold white space, control characters or backslashes'
  const filled = fillPlaceholders(
    baseUrl.replace(wholeHostPlaceholder, '$1placeholder.example'),
    () => 'placeholder',
  )
  if (!URL.canParse(filled)) return 'must be an absolute URL'
  const url = new URL(filled)
  if (url.username !== '' || url.password !== '') return 'must not carry user info'
  if (url.search !== '' || url.hash !== '' || baseUrl.includes('?') || baseUrl.includes('#'))
    return 'must not carry a query or fragment'
  if (loopbackHost.test(url.hostname)) {
    if (!switches.local) return 'a loopback host is for local development only (npm start)'
    return url.protocol === 'http:' || url.protocol === 'https:' ? null : 'must be http or https'
  }
  if (url.protocol !== 'https:') return 'must be https'
  if (url.port !== '') return 'must use the https port'
  if (!publicHost.test(url.hostname) || privateSuffix.test(url.hostname))
    return 'must be a public host name, no address and no local name'
  // What a reader sees must be what the parser sees, and what a credential is bound to: "https://EXAMPLE.com", dots and
  // percent signs in hosts end here.
  if (!filled.startsWith(`https://${url.hostname}`))
    return 'must spell its host plainly, in lower case'
  return null
}

export function fillPlaceholders(text: string, valueOf: (name: string) => string): string {
  return text.replaceAll(/\$\{([A-Z][A-Z0-9_]*)\}/g, (_match, name: string) => valueOf(name))
}

/** The host part as written, placeholders kept. */
export function hostText(baseUrl: string): string {
  return /^https?:\/\/([^/]+)/.exec(baseUrl)?.[1] ?? ''
}

export function providerOfTarget(name: string): string {
  return name.slice(name.lastIndexOf('@') + 1)
}

export function modelOfTarget(name: string): string {
  return name.slice(0, name.lastIndexOf('@'))
}

/** A short name for the content of a config: two files with the same content have the same version. */
function versionOf(raw: unknown): string {
  const text = JSON.stringify(raw)
  let high = 0xdeadbeef
  let low = 0x41c6ce57
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    high = Math.imul(high ^ code, 2654435761)
    low = Math.imul(low ^ code, 1597334677)
  }
  const halves = [high, low].map((half) => (half >>> 0).toString(16).padStart(8, '0'))
  return halves.join('')
}
