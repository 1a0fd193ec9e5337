import { AwsV4Signer } from 'aws4fetch'
import { flatText } from '../canonical/flat-text.ts'

/** A secret and the one host it may go to. */
export interface BoundCredential {
  /** `host[:port]` as in a URL's `host`. */
  readonly host: string
  /** Adds what proves the call; answers the headers to send. Throws when `url` is another host. */
  sign(
    url: string,
    method: string,
    headers: Readonly<Record<string, string>>,
    body: string | null,
  ): Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>
  /** `text` of the provider's own without the secret, should it quote it. */
  hide(text: string): string
}

export interface AwsKeys {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
  readonly service: string
  readonly region: string
}

export function headerCredential(host: string, name: string, value: string): BoundCredential {
  // Of headers that are a constant: nearly all.
  const kept = new WeakMap<object, Readonly<Record<string, string>>>()
  const refuseOther = onlyHost(host)
  return {
    host,
    sign(url, _method, headers) {
      refuseOther(url)
      const known = kept.get(headers)
      if (known !== undefined) return known
      const signed = { ...headers, [name]: value }
      if (Object.isFrozen(headers)) kept.set(headers, Object.freeze(signed))
      return signed
    },
    hide: hiding(value.replace(/^Bearer /, '')),
  }
}

export function noCredential(host: string): BoundCredential {
  const refuseOther = onlyHost(host)
  return {
    host,
    sign(url, _method, headers) {
      refuseOther(url)
      return headers
    },
    hide: hiding(),
  }
}

/** AWS Signature Version 4 over the whole body. */
export function sigv4Credential(host: string, keys: AwsKeys): BoundCredential {
  const refuseOther = onlyHost(host)
  return {
    host,
    async sign(url, method, headers, body) {
      refuseOther(url)
      const signer = new AwsV4Signer({
        ...keys,
        method,
        url,
        headers: { ...headers },
        ...(body === null ? {} : { body }),
      })
      const signed = await signer.sign()
      const all: Record<string, string> = { ...headers }
      signed.headers.forEach((value, name) => {
        all[name] = value
      })
      return all
    },
    hide: hiding(keys.secretAccessKey, keys.accessKeyId, keys.sessionToken),
  }
}

/** Shorter is no secret but a word of the language. */
const leastSecretCharacters = 8

function hiding(...secrets: readonly (string | undefined)[]): (text: string) => string {
  const hidden = secrets.flatMap((one) =>
    one !== undefined && one.length >= leastSecretCharacters ? [one] : [],
  )
  return (text) => hidden.reduce((rest, one) => rest.replaceAll(one, '[redacted]'), text)
}

/**
 * The dispatcher's last look: a credential never leaves for a host it is not
 * bound to. The slash behind the host is what ends it, so the address need not
 * be parsed anew for each call.
 */
function onlyHost(host: string): (url: string) => void {
  const secure = flatText(`https://${host}/`)
  const plain = flatText(`http://${host}/`)
  return (url) => {
    if (!url.startsWith(secure) && !url.startsWith(plain))
      throw new Error('a credential was about to be sent to a host it is not bound to')
  }
}
