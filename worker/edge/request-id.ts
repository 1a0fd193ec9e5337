/**
 * `req_` and 32 hexadecimal digits, random. Joined, for one piece of text: of a text that is made of pieces
 * (`worker/canonical/flat-text.ts`) its log line would be written the slow way.
 */
export function newRequestId(): string {
  return ['req_', ...crypto.randomUUID().split('-')].join('')
}
