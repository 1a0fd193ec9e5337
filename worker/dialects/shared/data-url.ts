import type { MediaSource } from '../../canonical/blocks.ts'

/** Media types are short; a header longer than this is no media type. */
const maxHeaderLength = 256

/** Cuts a base64 data URL (RFC 2397) in two; null when `url` is none. */
export function splitDataUrl(url: string): { mediaType: string; data: string } | null {
  const comma = url.slice(0, maxHeaderLength).indexOf(',')
  if (comma === -1) return null
  const [mediaType = '', ...parameters] = url.slice('data:'.length, comma).split(';')
  if (mediaType === '' || parameters.at(-1)?.trim().toLowerCase() !== 'base64') return null
  return { mediaType: mediaType.toLowerCase(), data: url.slice(comma + 1) }
}

/** True for what a provider may be asked to load: http(s), or bytes in the URL itself. */
export function isMediaUrl(url: string): boolean {
  if (/^data:/i.test(url)) return splitDataUrl(url) !== null
  return /^https?:\/\/[^\s/]/i.test(url)
}

export const mediaUrlRule = 'must be an http(s) URL or a base64 data URL'

/** The bytes of a data URL, or the URL itself. */
export function sourceOfUrl(url: string): MediaSource {
  const inline = /^data:/i.test(url) ? splitDataUrl(url) : null
  return inline === null ? { kind: 'url', url } : { kind: 'base64', ...inline }
}
