import type { Hmac } from './digest.ts'

const encoder = new TextEncoder()

/** HMAC-SHA-256 of WebCrypto. A secret is imported once; there are as many as peppers. */
export function createHmac(): Hmac {
  const keys = new Map<string, Promise<CryptoKey>>()
  return async (secret, text) => {
    let key = keys.get(secret)
    if (key === undefined) {
      key = crypto.subtle.importKey(
        'raw',
        encoder.encode(secret),
        { name: 'HMAC', hash: 'SHA-256' },
        false,
        ['sign'],
      )
      keys.set(secret, key)
    }
    return hexOf(new Uint8Array(await crypto.subtle.sign('HMAC', await key, encoder.encode(text))))
  }
}

function hexOf(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}
