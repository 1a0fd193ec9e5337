/**
 * What things may be called. Names become scopes, and scopes are joined by spaces (`scopeSetKey`) and cut at `@`
 * (accounts): neither may be in a name. Every test is one class of characters and a length, so it is linear.
 */

const tenantForm = /^[a-z0-9][a-z0-9._-]{0,63}$/
const keyIdForm = /^[0-9A-Za-z]{8}$/
const teamForm = /^[a-z0-9][a-z0-9._-]{0,63}$/
const tagNameForm = /^[a-z][a-z0-9_.-]{0,31}$/
const tagValueForm = /^[0-9A-Za-z_.:/+-]{1,128}$/

export const tenantRule =
  'lower-case letters, digits, ".", "_" and "-", at most 64, not "admin" and not beginning with "admin-"'
export const teamRule = 'lower-case letters, digits, ".", "_" and "-", at most 64'
export const tagNameRule =
  'a lower-case letter, then lower-case letters, digits, "_", "." and "-", at most 32'
export const tagValueRule = 'letters, digits and "_.:/+-", at most 128'

/** Most tags of one request, those of its key with them. */
export const maxTags = 16

/** `sk-sy-admin-` begins an admin key: no tenant's key may look like one. */
export function isTenantId(text: string): boolean {
  return tenantForm.test(text) && text !== 'admin' && !text.startsWith('admin-')
}

export function isKeyId(text: string): boolean {
  return keyIdForm.test(text)
}

export function isTeamId(text: string): boolean {
  return teamForm.test(text)
}

export function isTagName(text: string): boolean {
  return tagNameForm.test(text)
}

export function isTagValue(text: string): boolean {
  return tagValueForm.test(text)
}
