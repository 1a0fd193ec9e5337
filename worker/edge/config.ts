import { adapterOf, adapters } from '../providers/index.ts'
import { configSchema, type Config } from './config-schema.ts'

/** One thing wrong with a config file: where, which rule, and what stood there. */
export interface ConfigProblem {
  readonly path: string
  readonly rule: string
  readonly value: unknown
}

export type ConfigResult =
  | { readonly ok: true; readonly config: Config; readonly version: string }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] }

/** What an operator must mend before anything is served. Its message holds names and rules, never a secret. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
}

/** What decides how strictly base URLs are read. */
export interface ConfigSwitches {
  /** Set by `npm start`: plain http on a loopback address is allowed. */
  readonly local: boolean
}

/** Reads a parsed `routes.json`: the schema first, then what only the whole file can tell. */
export function readConfig(raw: unknown, switches: ConfigSwitches): ConfigResult {
  const parsed = configSchema.safeParse(raw)
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => ({
      path: pathText(issue.path),
      rule: issue.message,
      value: valueAt(raw, issue.path),
    }))
    return { ok: false, problems }
  }
  const problems = [
    ...crossProblems(parsed.data),
    ...alertProblems(parsed.data, switches),
    ...providerProblems(parsed.data, switches),
  ]
  if (problems.length > 0) return { ok: false, problems }
  return { ok: true, config: parsed.data, version: versionOf(raw) }
}

/** The lines an operator reads when a file is refused. */
export function describeProblems(problems: readonly ConfigProblem[]): string {
  return problems
    .map(({ path, rule, value }) => `  ${path}: ${rule} (found ${shortJson(value)})`)
    .join('\n')
}

function crossProblems(config: Config): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  for (const name of Object.keys(config.targets)) {
    const provider = providerOfTarget(name)
    if (config.providers[provider] === undefined) {
      problems.push({
        path: `targets["${name}"]`,
        rule: 'names a provider that is not declared',
        value: provider,
      })
    }
  }
  for (const [name, route] of Object.entries(config.routes)) {
    for (const [tierIndex, tier] of route.tiers.entries()) {
      const path = `routes.${name}.tiers[${tierIndex}]`
      const entries = tier.map((entry) =>
        typeof entry === 'string' ? { target: entry, weight: 1 } : entry,
      )
      for (const [index, { target }] of entries.entries()) {
        if (config.targets[target] === undefined) {
          problems.push({
            path: `${path}[${index}]`,
            rule: 'names a target that is not declared',
            value: target,
          })
        }
      }
      if (entries.every(({ weight }) => weight === 0)) {
        problems.push({ path, rule: 'the weights of a tier must not all be 0', value: 0 })
      }
      if (new Set(entries.map(({ target }) => target)).size < entries.length) {
        problems.push({
          path,
          rule: 'names a target twice',
          value: entries.map(({ target }) => target),
        })
      }
    }
  }
  if (config.tenants['admin'] !== undefined)
    problems.push({ path: 'tenants.admin', rule: 'is reserved for admin keys', value: 'admin' })
  for (const [name, tenant] of Object.entries(config.tenants)) {
    for (const [index, route] of tenant.routes.entries()) {
      if (route !== '*' && config.routes[route] === undefined) {
        problems.push({
          path: `tenants.${name}.routes[${index}]`,
          rule: 'names a route that is not declared',
          value: route,
        })
      }
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
    const path = `providers.${name}.baseUrl`
    const { adapter, baseUrl, binding, credential } = provider
    if (adapterOf(adapter) === undefined) {
      const rule = `must be one of ${[...adapters.keys()].sort().join(', ')}`
      problems.push({ path: `providers.${name}.adapter`, rule, value: adapter })
    }
    if ((baseUrl === undefined) === (binding === undefined)) {
      problems.push({
        path: `providers.${name}`,
        rule: 'needs exactly one of "baseUrl" and "binding"',
        value: provider,
      })
      continue
    }
    if (baseUrl === undefined) continue
    const rule = baseUrlRule(baseUrl, switches)
    if (rule !== null) {
      problems.push({ path, rule, value: baseUrl })
      continue
    }
    const host = hostText(baseUrl)
    if (credential.kind !== 'none' && credential.host !== host) {
      problems.push({
        path: `providers.${name}.credential.host`,
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
const wholeHostPlaceholder = /^(https:\/\/)\$\{[A-Z][A-Z0-9_]*\}(?=\/|$)/

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
  // What a reader sees must be what the parser sees: "https://EXAMPLE.com", dots and percent signs in hosts end here.
  if (!filled.toLowerCase().startsWith(`https://${url.hostname}`))
    return 'must spell its host plainly'
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
  return (high >>> 0).toString(16).padStart(8, '0') + (low >>> 0).toString(16).padStart(8, '0')
}

function pathText(path: readonly PropertyKey[]): string {
  const text = path
    .map((part) => {
      if (typeof part === 'number') return `[${part}]`
      return /^[A-Za-z_$][\w$-]*$/.test(String(part)) ? `.${String(part)}` : `["${String(part)}"]`
    })
    .join('')
  return text === '' ? 'the file' : text.replace(/^\./, '')
}

function valueAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  let value = raw
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = (value as Record<PropertyKey, unknown>)[part]
  }
  return value
}

function shortJson(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 120 ? `${text.slice(0, 117)}...` : text
}
