import type { Alert, AlertSettings } from './alerts.ts'

/**
 * Sends alerts as Standard Webhooks has it (standardwebhooks.com, read 2026-11-20): HMAC-SHA-256 over
 * `id.timestamp.body`, so that receivers check them with a library they may already have.
 */

/** A receiver that takes longer is asked again later, ms. */
export const webhookTimeoutMs = 5000

/** True when the receiver took it; `status` is null when it did not answer. */
export interface Delivery {
  readonly taken: boolean
  readonly status: number | null
}

export async function sendAlert(
  { id, payload }: Alert,
  { url, secret }: AlertSettings,
  nowMs: number,
): Promise<Delivery> {
  const body = JSON.stringify(payload)
  const timestamp = String(Math.floor(nowMs / 1000))
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'switchyard',
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': await signature(secret, `${id}.${timestamp}.${body}`),
  }
  const control = new AbortController()
  const timer = setTimeout(() => control.abort(), webhookTimeoutMs)
  try {
    // A redirect would take the alert to a host that no configuration names.
    const init = { method: 'POST', headers, body, redirect: 'manual', signal: control.signal }
    const response = await fetch(url, init as RequestInit)
    await response.body?.cancel()
    return { taken: response.status >= 200 && response.status < 300, status: response.status }
  } catch {
    return { taken: false, status: null }
  } finally {
    clearTimeout(timer)
  }
}

/** `v1,` and the base 64 of the digest. */
export async function signature(secret: string, text: string): Promise<string> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('raw', secretBytes(secret), algorithm, false, ['sign'])
  const digest = await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(text))
  return `v1,${btoa(String.fromCharCode(...new Uint8Array(digest)))}`
}

/** `whsec_` and base 64, as Standard Webhooks writes secrets; any other text is taken as it is. */
function secretBytes(secret: string): Uint8Array<ArrayBuffer> {
  const encoded = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret)?.[1]
  if (encoded === undefined) return new Uint8Array(new TextEncoder().encode(secret))
  return Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0))
}
