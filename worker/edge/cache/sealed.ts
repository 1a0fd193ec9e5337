/** As much of WebCrypto's key as is passed around here: 32 bytes as 64 hex digits. */
type HexKey = string

const ivBytes = 12

/** `text` under AES-256-GCM: IV first. Whoever has the place where it lies, and not the key, has nothing. */
export async function seal(text: string, key: HexKey): Promise<Uint8Array<ArrayBuffer>> {
  const iv = crypto.getRandomValues(new Uint8Array(ivBytes))
  const imported = await importKey(key)
  const plain = new TextEncoder().encode(text)
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, imported, plain)
  const whole = new Uint8Array(ivBytes + sealed.byteLength)
  whole.set(iv)
  whole.set(new Uint8Array(sealed), ivBytes)
  return whole
}

/** Rejects what was not sealed with this key, or was changed since. */
export async function unseal(bytes: Uint8Array, key: HexKey): Promise<string> {
  const imported = await importKey(key)
  const iv = bytes.slice(0, ivBytes)
  const opened = await crypto.subtle.decrypt(
    { name: 'AES-GCM', iv },
    imported,
    bytes.slice(ivBytes),
  )
  return new TextDecoder().decode(opened)
}

function importKey(key: HexKey): Promise<CryptoKey> {
  const bytes = Uint8Array.from(key.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
  return crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt'])
}
