/**
 * What is kept of a request is sealed: AES-256-GCM under a key of its own, derived (HKDF-SHA-256) from the deployment's
 * pepper and the object's name. The disks of the platform are encrypted as well, with keys that it holds.
 */

const ivBytes = 12

type Bytes = Uint8Array<ArrayBuffer>

const utf8 = new TextEncoder()

export class Seal {
  readonly #key: CryptoKey
  readonly #name: string

  private constructor(key: CryptoKey, name: string) {
    this.#key = key
    this.#name = name
  }

  static async of(secret: string, name: string): Promise<Seal> {
    const base = await crypto.subtle.importKey('raw', utf8.encode(secret), 'HKDF', false, [
      'deriveKey',
    ])
    const derivation = {
      name: 'HKDF',
      hash: 'SHA-256',
      salt: utf8.encode(name),
      info: utf8.encode('switchyard run 1'),
    }
    const algorithm = { name: 'AES-GCM', length: 256 }
    const key = await crypto.subtle.deriveKey(derivation, base, algorithm, false, [
      'encrypt',
      'decrypt',
    ])
    return new Seal(key, name)
  }

  /** `label` says which piece it is: none can stand in another's place. */
  async seal(label: string, plain: Bytes): Promise<Bytes> {
    const iv = crypto.getRandomValues(new Uint8Array(ivBytes))
    const sealed = new Uint8Array(
      await crypto.subtle.encrypt(this.#with(iv, label), this.#key, plain),
    )
    const whole = new Uint8Array(ivBytes + sealed.length)
    whole.set(iv)
    whole.set(sealed, ivBytes)
    return whole
  }

  /** Throws where it was changed, moved, or sealed under another secret. */
  async open(label: string, whole: Bytes): Promise<Bytes> {
    const iv = whole.subarray(0, ivBytes)
    const sealed = whole.subarray(ivBytes)
    return new Uint8Array(await crypto.subtle.decrypt(this.#with(iv, label), this.#key, sealed))
  }

  #with(iv: Bytes, label: string) {
    return { name: 'AES-GCM', iv, additionalData: utf8.encode(`${this.#name}/${label}`) }
  }
}
