import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import type { ProviderAdapter } from '../providers/adapter.ts'
import { adapterOf } from '../providers/index.ts'
import type { ProviderConfig } from './config-schema.ts'
import {
  baseUrlRule,
  ConfigurationError,
  fillPlaceholders,
  hostText,
  ownLoopbackUrl,
} from './config.ts'
import {
  headerCredential,
  noCredential,
  sigv4Credential,
  type BoundCredential,
} from './credentials.ts'

/** A provider as a request needs it: adapter, address, credential. */
export interface Provider {
  readonly id: string
  readonly adapter: ProviderAdapter
  /** Base URL without a trailing slash; null when the provider is called through a binding. */
  readonly baseUrl: string | null
  /** Null when a secret is missing: the provider cannot be called. */
  readonly credential: BoundCredential | null
  /** Names the credential without telling it; another secret has another. Null where there is none. */
  readonly credentialId: string | null
  /** Name of the Workers AI binding. */
  readonly binding: string | null
  readonly regions: readonly string[]
  /** Secrets and settings that the configuration names and the environment lacks. */
  readonly missing: readonly string[]
}

/** Variables and secrets by name. Values that are no strings (bindings) are ignored. */
export type Variables = Readonly<Record<string, unknown>>

/** Resolves one provider of the file. Throws a `ConfigurationError` when its adapter or its filled-in address is not one we call. */
export function createProvider(id: string, config: ProviderConfig, variables: Variables): Provider {
  const adapter = adapterOf(config.adapter)
  if (adapter === undefined)
    throw new ConfigurationError(`providers.${id}.adapter: no adapter is named "${config.adapter}"`)
  const regions = config.regions
  if (config.binding !== undefined) {
    return {
      id,
      adapter,
      baseUrl: null,
      credential: null,
      credentialId: null,
      binding: config.binding,
      regions,
      missing: [],
    }
  }
  const missing: string[] = []
  const text = (name: string) => {
    const value = variables[name]
    if (typeof value === 'string' && value !== '') return value
    missing.push(name)
    return 'missing'
  }
  const simulator = variables['SWITCHYARD_SIMULATOR_URL']
  const local = variables['SWITCHYARD_LOCAL'] === '1'
  const template = config.baseUrl ?? ''
  const own = local ? ownLoopbackUrl(template, (name) => variables[name]) : null
  const baseUrl = plainHost(fillPlaceholders(own ?? template, text)).replace(/\/+$/, '')
  if (missing.length === 0) checkFilledUrl(id, template, baseUrl, local, text)
  const { host } = new URL(baseUrl)
  const keyless = own !== null && isUnset(config, variables)
  const credential = keyless ? noCredential(host) : createCredential(config, host, text)
  // Without its secrets a provider is played by the simulator, where one is running: local only.
  if (missing.length > 0 && typeof simulator === 'string' && local) {
    return simulated(id, adapter, config, simulator, regions)
  }
  return {
    id,
    adapter,
    baseUrl,
    credential: missing.length > 0 ? null : credential,
    credentialId: missing.length > 0 || keyless ? null : credentialIdOf(config, variables),
    binding: null,
    regions,
    missing,
  }
}

/** Names of hosts know no case, and a vendor's console may write a resource's name in its own. */
function plainHost(url: string): string {
  return url.replace(/^https?:\/\/[^/]*/, (host) => host.toLowerCase())
}

/** A variable that is filled in may break what the file kept: the address is checked again as it will be called. */
function checkFilledUrl(
  id: string,
  template: string,
  baseUrl: string,
  local: boolean,
  text: (name: string) => string,
): void {
  const broken = baseUrlRule(baseUrl, { local }) ?? filledHostRule(template, baseUrl, text)
  if (broken === null) return
  const path = `providers.${id}.baseUrl`
  const rule = `with its variables filled in, ${broken}`
  throw new ConfigurationError(`${path}: ${rule}`, [{ path, rule, value: baseUrl }])
}

/** True for a provider whose one secret nobody gave. */
function isUnset({ credential }: ProviderConfig, variables: Variables): boolean {
  if (credential.kind !== 'bearer' && credential.kind !== 'header') return false
  const value = variables[credential.secret]
  return typeof value !== 'string' || value === ''
}

/** A value such as `evil.example/` would end the host early, and the rest of it would become a path. */
function filledHostRule(
  template: string,
  baseUrl: string,
  text: (name: string) => string,
): string | null {
  const wanted = fillPlaceholders(hostText(template), text).toLowerCase()
  return new URL(baseUrl).host === wanted ? null : 'must keep the host that the file names'
}

function createCredential(
  { credential }: ProviderConfig,
  host: string,
  text: (name: string) => string,
): BoundCredential {
  switch (credential.kind) {
    case 'none':
      return noCredential(host)
    case 'bearer':
      return headerCredential(host, 'authorization', `Bearer ${text(credential.secret)}`)
    case 'header':
      return headerCredential(host, credential.name, text(credential.secret))
    case 'sigv4':
      return sigv4Credential(host, {
        accessKeyId: text(credential.accessKeyId),
        secretAccessKey: text(credential.secretAccessKey),
        service: credential.service,
        region: credential.region,
        ...(credential.sessionToken === undefined
          ? {}
          : { sessionToken: text(credential.sessionToken) }),
      })
  }
}

/** 8 hex digits of a digest under the pepper: another secret is another credential, and neither can be read back. */
function credentialIdOf({ credential }: ProviderConfig, variables: Variables): string | null {
  const names =
    credential.kind === 'none'
      ? []
      : credential.kind === 'sigv4'
        ? [credential.accessKeyId, credential.secretAccessKey]
        : [credential.secret]
  if (names.length === 0) return null
  const values = [variables['SWITCHYARD_PEPPER'], ...names.map((name) => variables[name])]
  return bytesToHex(sha256(utf8ToBytes(values.map(String).join('\n')))).slice(0, 8)
}

/**
 * What the simulator is sent as a secret. Messages are scrubbed of the secret
 * of their provider, so this must be a text that no message holds.
 */
const standInSecret = 'sim-5b1d0c7e93f84a26'

/** Played as the adapter it has, whatever it is called: `/{provider}`, or `/{provider}~{adapter}`. */
function simulated(
  id: string,
  adapter: ProviderAdapter,
  config: ProviderConfig,
  simulator: string,
  regions: readonly string[],
): Provider {
  const credential = createCredential(config, new URL(simulator).host, () => standInSecret)
  const played = id === adapter.id ? id : `${id}~${adapter.id}`
  return {
    id,
    adapter,
    baseUrl: `${simulator}/${played}`,
    credential,
    credentialId: null,
    binding: null,
    regions,
    missing: [],
  }
}
