import { type ConfigProblem, pathText } from '../config-problem.ts'
import type { Config } from '../config-schema.ts'

/** What a schema cannot say of tenants that are pinned, and of what runs in an object of its own. */
export function runProblems(
  config: Config,
  urlRule: (url: string) => string | null,
): ConfigProblem[] {
  return [...tenantProblems(config), ...webhookProblems(config, urlRule)]
}

function tenantProblems({ tenants }: Config): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  for (const [name, { residency, strict }] of Object.entries(tenants))
    if (strict && residency === undefined) {
      const path = pathText(['tenants', name, 'strict'])
      problems.push({ path, rule: 'needs "residency": strict about what?', value: strict })
    }
  return problems
}

function webhookProblems(
  { routes }: Config,
  urlRule: (url: string) => string | null,
): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  for (const [name, { jobs }] of Object.entries(routes)) {
    const url = jobs?.webhook?.url
    const rule = url === undefined ? null : urlRule(url)
    const path = pathText(['routes', name, 'jobs', 'webhook', 'url'])
    if (rule !== null) problems.push({ path, rule, value: url })
  }
  return problems
}
