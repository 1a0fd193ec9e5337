import { type GatewayError, invalidRequest } from '../../canonical/errors.ts'
import { isObject, pathText } from './path.ts'

/**
 * Where a request goes and with which credential is the operator's to say,
 * never a body's: fields by which clients of other gateways choose a host or a
 * key are refused at any depth, so that they cannot reach a provider that
 * would obey them either (LiteLLM proxy CVE-2024-6587; Portkey's
 * `x-portkey-custom-host`; docs.litellm.ai "completion input params", 2026-11-20).
 */
const refusedAnywhere = new Set([
  'api_base',
  'api_key',
  'api_type',
  'api_version',
  'apikey',
  'azure_ad_token',
  'azure_endpoint',
  'base_url',
  'baseurl',
  'custom_host',
  'custom_llm_provider',
  'customhost',
  'deployment_id',
  'endpoint_url',
  'extra_body',
  'extra_headers',
  'extra_query',
  'override_url',
  'target_url',
  'upstream_url',
  'user_config',
  'vertex_credentials',
  'vertex_location',
  'vertex_project',
])

/** Ordinary words further down, a destination at the top of a body. */
const refusedOnTop = new Set(['authorization', 'endpoint', 'headers', 'host', 'proxies', 'proxy'])

const refusedPrefixes = ['x_portkey_', 'litellm_', 'aws_', 'azure_ad_']

/** How deep a setting is searched; bodies are capped in depth before, this bounds the walk by itself. */
const maxDepth = 16

/** The error for the first field of `value` that names a destination or a credential; null when there is none. */
export function destinationIn(
  key: string,
  value: unknown,
  path: readonly (string | number)[] = [],
): GatewayError | null {
  const here = [...path, key]
  if (isDestination(key, path.length === 0)) {
    const field = pathText(here)
    return invalidRequest(
      `${field} is not accepted: destinations and credentials come from the gateway's configuration only`,
      field,
    )
  }
  return destinationInside(value, here)
}

function destinationInside(
  value: unknown,
  path: readonly (string | number)[],
): GatewayError | null {
  if (path.length > maxDepth) return null
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      const found = destinationInside(item, [...path, index])
      if (found !== null) return found
    }
    return null
  }
  if (!isObject(value)) return null
  for (const [key, item] of Object.entries(value)) {
    const found = destinationIn(key, item, path)
    if (found !== null) return found
  }
  return null
}

function isDestination(key: string, isTop: boolean): boolean {
  const name = key.toLowerCase().replaceAll('-', '_')
  if (refusedAnywhere.has(name) || (isTop && refusedOnTop.has(name))) return true
  return refusedPrefixes.some((prefix) => name.startsWith(prefix))
}
