import type { BeginAsk } from './access/idempotency.ts'
import { isKeyId, isTagName, isTagValue, maxTags } from './access/names.ts'
import type { Proof } from './access/rows.ts'
import type { KeyAsk } from './access/verify.ts'
import { flag, list, name, object, oneOf, refuse, wholeNumber } from './border.ts'
import { nanoUsd } from './money.ts'
import type {
  AdvanceCall,
  CreateKeyCall,
  FinishCall,
  OpenCall,
  PinCall,
  PutTenantCall,
  RevokeKeyCall,
  RotateKeyCall,
  RunCall,
} from './rpc.ts'

/**
 * Calls about keys, the tenant and idempotency. What a person wrote (`tenant`, `asked`) is left to the cores, which
 * answer with the field and the rule; here is refused what only a bug of ours can send. No value that may be a secret
 * or its digest is repeated.
 */

const maxProofs = 4
const maxHeaders = 64
const maxMoreAsks = 16
const maxHeaderLength = 8192
const maxChunks = 65_536

const digestForm = /^[0-9a-f]{64}$/
const versionForm = /^[0-9A-Za-z_-]{1,16}$/

function digest(value: unknown, path: string): string {
  if (typeof value !== 'string' || !digestForm.test(value))
    refuse(path, '64 hexadecimal digits', typeof value)
  return value
}

function proof(value: unknown, path: string): Proof {
  const { pepperVersion, digest: text } = object(value, path)
  if (typeof pepperVersion !== 'string' || !versionForm.test(pepperVersion))
    refuse(`${path}.pepperVersion`, '1 to 16 letters and digits', typeof pepperVersion)
  return { pepperVersion, digest: digest(text, `${path}.digest`) }
}

export function readPin(value: unknown): PinCall {
  const { residency, actor } = object(value, 'pin')
  return { residency: name(residency, 'pin.residency'), actor: name(actor, 'pin.actor') }
}

export function readPutTenant(value: unknown): PutTenantCall {
  const { tenant, actor } = object(value, 'putTenant')
  return { tenant, actor: name(actor, 'putTenant.actor') }
}

export function readCreateKey(value: unknown): CreateKeyCall {
  const call = object(value, 'createKey')
  const maker = object(call['maker'], 'createKey.maker')
  const kind = oneOf(maker['kind'], 'createKey.maker.kind', ['admin', 'key'])
  return {
    keyId: name(call['keyId'], 'createKey.keyId'),
    asked: call['asked'],
    proof: proof(call['proof'], 'createKey.proof'),
    maker:
      kind === 'admin' ? { kind } : { kind, keyId: name(maker['keyId'], 'createKey.maker.keyId') },
    actor: name(call['actor'], 'createKey.actor'),
  }
}

export function readRotateKey(value: unknown): RotateKeyCall {
  const call = object(value, 'rotateKey')
  const { overlapMs } = call
  if (overlapMs !== undefined && typeof overlapMs !== 'number')
    refuse('rotateKey.overlapMs', 'a number', overlapMs)
  return {
    keyId: name(call['keyId'], 'rotateKey.keyId'),
    proof: proof(call['proof'], 'rotateKey.proof'),
    ...(overlapMs !== undefined && { overlapMs }),
    actor: name(call['actor'], 'rotateKey.actor'),
  }
}

export function readRevokeKey(value: unknown): RevokeKeyCall {
  const { keyId, actor } = object(value, 'revokeKey')
  return { keyId: name(keyId, 'revokeKey.keyId'), actor: name(actor, 'revokeKey.actor') }
}

export function readOpen(value: unknown): OpenCall {
  const call = object(value, 'open')
  const asked = call['advance'] === undefined ? {} : { advance: advanceOf(call['advance']) }
  return { key: readOpenKey(call['key']), ...asked }
}

function readOpenKey(value: unknown): OpenCall['key'] {
  const key = object(value, 'open.key')
  const { keyId } = key
  if (typeof keyId !== 'string' || !isKeyId(keyId))
    refuse('open.key.keyId', 'the id of a key', typeof keyId)
  if (key['proofs'] === undefined) {
    if (!flag(key['isProven'], 'open.key.isProven')) refuse('open.key.isProven', 'true', false)
    return { keyId, isProven: true }
  }
  return { keyId, proofs: proofs(key['proofs']) }
}

function advanceOf(value: unknown): AdvanceCall {
  const path = 'open.advance'
  const { holder, askId, wantNanoUsd, softNanoUsd, tokens, tags, ...rest } = object(value, path)
  const { mayHold, moreAskIds, isHandedOn } = rest
  return {
    holder: name(holder, `${path}.holder`),
    askId: name(askId, `${path}.askId`),
    wantNanoUsd: nanoUsd(wholeNumber(wantNanoUsd, `${path}.wantNanoUsd`)),
    softNanoUsd: nanoUsd(wholeNumber(softNanoUsd, `${path}.softNanoUsd`)),
    tokens: wholeNumber(tokens, `${path}.tokens`),
    tags: tagsOf(tags, `${path}.tags`),
    ...(mayHold === true && { mayHold }),
    ...(isHandedOn === true && { isHandedOn }),
    ...(moreAskIds !== undefined && { moreAskIds: askIds(moreAskIds, `${path}.moreAskIds`) }),
  }
}

function askIds(value: unknown, path: string): readonly string[] {
  return list(value, path, maxMoreAsks).map((one, index) => name(one, `${path}[${index}]`))
}

function tagsOf(value: unknown, path: string): AdvanceCall['tags'] {
  const entries = Object.entries(object(value, path))
  if (entries.length > maxTags) refuse(path, `at most ${maxTags} tags`, entries.length)
  return Object.fromEntries(
    entries.map(([tag, text]): readonly [string, string] => {
      if (!isTagName(tag) || typeof text !== 'string' || !isTagValue(text))
        refuse(path, 'tags', typeof text)
      return [tag, text]
    }),
  )
}

function proofs(value: unknown): KeyAsk['proofs'] {
  const path = 'open.key.proofs'
  const all = list(value, path, maxProofs).map((one, index) => proof(one, `${path}[${index}]`))
  const [first, ...rest] = all
  if (first === undefined) refuse(path, 'a list of at least one', 0)
  return [first, ...rest]
}

export function readBegin(value: unknown): BeginAsk {
  const { requestDigest } = object(value, 'beginOnce')
  return {
    ...readRun(value, 'beginOnce'),
    requestDigest: digest(requestDigest, 'beginOnce.requestDigest'),
  }
}

export function readRun(value: unknown, path: string): RunCall {
  const { id, runId } = object(value, path)
  return { id: digest(id, `${path}.id`), runId: name(runId, `${path}.runId`) }
}

export function readFinish(value: unknown): FinishCall {
  const path = 'finishOnce.answer'
  const { status, headers, chunks } = object(object(value, 'finishOnce')['answer'], path)
  const code = wholeNumber(status, `${path}.status`)
  if (code < 100 || code > 599) refuse(`${path}.status`, '100 to 599', code)
  return {
    ...readRun(value, 'finishOnce'),
    answer: {
      status: code,
      headers: list(headers, `${path}.headers`, maxHeaders).map((one, index) =>
        header(one, `${path}.headers[${index}]`),
      ),
      chunks: chunks === null ? null : bytes(chunks, `${path}.chunks`),
    },
  }
}

function header(value: unknown, path: string): readonly [string, string] {
  const [field, text] = list(value, path, 2)
  if (typeof text !== 'string' || text.length > maxHeaderLength)
    refuse(path, `a name and a text of at most ${maxHeaderLength} characters`, typeof text)
  return [name(field, path), text]
}

function bytes(value: unknown, path: string): readonly Uint8Array[] {
  return list(value, path, maxChunks).map((one, index) => {
    if (!(one instanceof Uint8Array)) refuse(`${path}[${index}]`, 'bytes', typeof one)
    return one
  })
}
