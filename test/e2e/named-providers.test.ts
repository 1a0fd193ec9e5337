import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { adapters } from '../../worker/providers/index.ts'
import { ask, dialectIds } from '../support/ask-gateway.ts'
import { healthy, kits } from '../support/scripted-answers.ts'
import { startScriptedUpstream, type ScriptedUpstream } from '../support/scripted-upstream.ts'
import { controlSimulator } from '../support/sdk/simulator-control.ts'
import { startGateway, type RunningGateway } from '../support/start-gateway.ts'
import { emptyRoutes, shippedProvider } from '../support/test-routes.ts'

/** Providers under names of the operator's own, and servers of the operator's own. */

const nameOf = (adapter: string) => `my-${adapter}`
const host = 'api.vendor.example'
/** Signed calls need a service and a region; a key is all that any other adapter needs. */
const providerOf = (adapter: string): object =>
  adapter === 'bedrock'
    ? shippedProvider('bedrock')
    : {
        adapter,
        baseUrl: `https://${host}/v1`,
        credential: { kind: 'bearer', secret: 'VENDOR_KEY', host },
        options: adapter === 'azure-openai' ? { apiVersion: '2024-10-21' } : {},
      }

let gateway: RunningGateway
let local: ScriptedUpstream

beforeAll(async () => {
  local = await startScriptedUpstream()
  const routes = emptyRoutes()
  for (const adapter of adapters.keys()) {
    routes.providers[nameOf(adapter)] = providerOf(adapter)
    routes.targets[`m@${nameOf(adapter)}`] = {}
  }
  routes.targets['priced@my-anthropic'] = { catalogModel: 'claude-haiku-4-5' }
  for (const own of ['lmstudio', 'vllm', 'ollama']) routes.providers[own] = shippedProvider(own)
  routes.targets['mine@lmstudio'] = { free: true }
  routes.targets['mine@vllm'] = {}
  gateway = await startGateway({ routes, variables: { LMSTUDIO_HOST: local.host } })
})
afterEach(() => controlSimulator(gateway.simulator).reset())
afterAll(async () => {
  await gateway.close()
  await local.close()
})

describe('a provider under another name than its vendor', () => {
  it.each([...adapters.keys()])('is played in the form of its adapter: %s', async (adapter) => {
    for (const dialect of dialectIds) {
      for (const stream of [false, true]) {
        const seen = await ask(gateway, { dialect, stream, model: `m@${nameOf(adapter)}` })
        expect({ status: seen.status, text: seen.text, ended: seen.ended }).toEqual({
          status: 200,
          text: 'You said: hello',
          ended: true,
        })
        expect(seen.headers.get('x-switchyard-provider')).toBe(nameOf(adapter))
      }
    }
  })

  it('is steered by its own name, and not by that of its vendor', async () => {
    const { fault } = controlSimulator(gateway.simulator)
    const asked = { dialect: 'anthropic', model: 'm@my-anthropic' } as const
    await fault({ provider: 'anthropic', fault: { kind: 'errorEvent' } })
    expect((await ask(gateway, asked)).status).toBe(200)
    await fault({ provider: 'my-anthropic', fault: { kind: 'errorEvent' } })
    const failed = await ask(gateway, asked)
    expect(failed.status).toBe(502)
    // The message is the vendor's own, whole: the stand-in for a key has no word in common with it.
    expect(failed.error?.message).toContain('The simulated provider failed while answering.')
    expect(failed.raw).not.toContain('[redacted]')
  })

  it('is priced by its adapter', async () => {
    const seen = await ask(gateway, { dialect: 'openai', model: 'priced@my-anthropic' })
    expect((JSON.parse(seen.raw) as { cost: number }).cost).toBeGreaterThan(0)
  })
})

describe('a server of the operator on this machine, named in .dev.vars', () => {
  it('is called by plain http and without a key', async () => {
    local.on('v1', healthy(kits.openai, 'mine'))
    const seen = await ask(gateway, { dialect: 'openai', model: 'mine@lmstudio' })
    expect([seen.status, seen.text]).toEqual([200, 'mine'])
    expect(local.calls.map(({ path, headers }) => [path, headers['authorization']])).toEqual([
      ['/v1/chat/completions', undefined],
    ])
    expect(JSON.parse(seen.raw)).toMatchObject({ cost: 0 })
  })

  it('is played where it is not named', async () => {
    const seen = await ask(gateway, { dialect: 'openai', model: 'mine@vllm' })
    expect([seen.status, seen.text]).toEqual([200, 'You said: hello'])
  })
})
