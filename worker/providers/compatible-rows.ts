import type { OpenAiQuirks } from './openai/quirks.ts'
import { gateways } from './rows/gateways.ts'
import { hosts } from './rows/hosts.ts'
import { modelMakers } from './rows/model-makers.ts'
import { ownServers } from './rows/own-servers.ts'

/**
 * Every vendor that speaks OpenAI's Chat Completions, as data. A new one is one
 * row: its page, its base URL, what it can carry, and where it differs.
 */
export const compatibleRows: readonly OpenAiQuirks[] = [
  ...modelMakers,
  ...hosts,
  ...gateways,
  ...ownServers,
]
