import OpenAI from 'openai'
import Anthropic from '@anthropic-ai/sdk'
import { describe, expect, it } from 'vitest'
import { type LedgerStanding, standingHeaders } from '../../../worker/edge/ledger/headers.ts'
import { allowOrigin, preflight } from '../../../worker/edge/cors.ts'

const origin = 'https://app.example'
const listOf = (headers: Headers, name: string) => new Set((headers.get(name) ?? '').split(', '))

const exposed = (() => {
  const headers = new Headers()
  allowOrigin(headers, origin)
  return listOf(headers, 'access-control-expose-headers')
})()

/** What a request of the SDK carries, less what browsers send without asking (Fetch, "CORS-safelisted request-header"). */
async function sentBy(call: (fetch: typeof globalThis.fetch) => Promise<unknown>) {
  const names = new Set<string>()
  await call((_url, init) => {
    for (const name of new Headers(init?.headers).keys()) names.add(name)
    return Promise.resolve(Response.json({}))
  })
  for (const safe of ['accept', 'accept-language', 'content-language']) names.delete(safe)
  return [...names]
}

describe('a browser', () => {
  it('may read what an answer says of limits and money', () => {
    const limit = { limit: 5, remaining: 4, resetMs: 1000 }
    const told = standingHeaders({
      remainingNanoUsd: 1,
      limits: [
        { kind: 'requests', ...limit },
        { kind: 'tokens', ...limit },
      ],
    } as unknown as LedgerStanding)
    expect(told).toHaveLength(7)
    for (const [name] of told) expect(exposed).toContain(name)
  })

  it.each(
    `x-switchyard-request-id x-switchyard-route x-switchyard-provider x-switchyard-model x-switchyard-region
    x-switchyard-attempts x-switchyard-reason x-switchyard-config x-switchyard-degraded x-switchyard-warning
    x-request-id request-id server-timing retry-after x-should-retry location`.split(/\s+/),
  )('may read %s', (name) => {
    expect(exposed).toContain(name)
  })

  it('may send what the official SDKs send', async () => {
    const allowed = listOf(preflight(origin).headers, 'access-control-allow-headers')
    const options = {
      apiKey: 'k',
      dangerouslyAllowBrowser: true,
      baseURL: 'https://gateway.example',
    }
    const messages = [{ role: 'user', content: 'Hello' }] as const
    const openAi = await sentBy((fetch) =>
      new OpenAI({ ...options, fetch, organization: 'o', project: 'p' }).chat.completions.create({
        model: 'm',
        messages: [...messages],
      }),
    )
    const anthropic = await sentBy((fetch) =>
      new Anthropic({ ...options, fetch }).messages.create({
        model: 'm',
        max_tokens: 5,
        messages: [...messages],
      }),
    )
    expect(openAi).toContain('user-agent')
    for (const name of [...openAi, ...anthropic]) expect(allowed).toContain(name)
  })
})
