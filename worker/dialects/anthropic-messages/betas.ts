import * as z from 'zod/mini'
import { invalidRequest } from '../../canonical/errors.ts'
import type { CanonicalRequest, JsonObject } from '../../canonical/request.ts'
import type { Parsed } from '../dialect.ts'
import { list } from '../shared/list.ts'

/** Where Anthropic's clients name the betas they want (`betas` of the SDK's `client.beta.*` becomes this header). */
const header = 'anthropic-beta'

/** A page of names; what is longer is no list of betas. */
const maxCharacters = 1024
const maxBetas = 32

/** The characters of a token (RFC 9110, 5.6.2), so that a name can never become another header. */
const token = /^[\w!#$%&'*+.^`|~-]{1,128}$/

/** `betas`, as Bedrock's and Vertex's clients write them into the body; `anthropic_beta` is the other name. */
export function betaFields() {
  const name = () => z.string().check(z.regex(token))
  const written = z.string().check(
    z.maxLength(maxCharacters),
    z.refine((text) => namesIn(text).every((one) => token.test(one)), 'must be a list of names'),
  )
  return {
    betas: z.nullish(list(name()).check(z.maxLength(maxBetas))),
    anthropic_beta: z.nullish(z.union([written, list(name()).check(z.maxLength(maxBetas))])),
  }
}

/** Adds the betas that the request's headers name to those of its body. */
export function withBetas(
  request: CanonicalRequest,
  headerOf: (name: string) => string | null,
): Parsed<CanonicalRequest> {
  const value = headerOf(header)
  if (value === null || value.trim() === '') return { ok: true, value: request }
  const names = namesIn(value)
  const isSound = value.length <= maxCharacters && names.every((name) => token.test(name))
  if (!isSound || names.length > maxBetas) {
    const rule = `must be at most ${maxBetas} names of letters, digits, "-", "." and "_", in ${maxCharacters} characters`
    return { ok: false, error: invalidRequest(`${header}: ${rule}`, header) }
  }
  const own: JsonObject = request.extensions?.['anthropic-messages'] ?? {}
  const { betas, anthropic_beta: other, ...rest } = own
  const inBody = [...named(betas), ...named(other)]
  const extensions = { ...rest, betas: [...new Set([...inBody, ...names])] }
  return {
    ok: true,
    value: {
      ...request,
      extensions: { ...request.extensions, 'anthropic-messages': extensions },
      ...(inBody.length > 0 ? {} : { fields: { ...request.fields, betas: header } }),
    },
  }
}

/** The names in a field of the body, which the schema has checked. */
function named(field: unknown): readonly string[] {
  if (typeof field === 'string') return namesIn(field)
  return Array.isArray(field) ? (field as readonly string[]) : []
}

function namesIn(list: string): string[] {
  return list
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
}
