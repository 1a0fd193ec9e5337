import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { report } from '../support/report.ts'
import { controlSimulator, type SimulatorControl } from '../support/sdk/simulator-control.ts'
import { targets } from '../support/sdk/targets.ts'
import { type RunningGateway, startGateway } from '../support/start-gateway.ts'

/** Fields that a target may leave out, each with a value that can be found again in what was sent. */
const wishes = {
  temperature: { value: 0.123, trace: /0\.123/ },
  top_p: { value: 0.77, trace: /0\.77/ },
  top_k: { value: 33, trace: /\b33\b/ },
  min_p: { value: 0.11, trace: /0\.11\b/ },
  seed: { value: 4711, trace: /4711/ },
  frequency_penalty: { value: 0.31, trace: /0\.31/ },
  presence_penalty: { value: 0.32, trace: /0\.32/ },
  repetition_penalty: { value: 1.33, trace: /1\.33/ },
  logit_bias: { value: { '50256': -7 }, trace: /50256/ },
  reasoning_effort: { value: 'low', trace: /effort|thinking|reasoning|"think"/i },
  service_tier: { value: 'flex', trace: /flex/ },
  verbosity: { value: 'low', trace: /verbosity/ },
  user: { value: 'user-xyz', trace: /user-xyz/ },
  metadata: { value: { a: 'meta-b' }, trace: /meta-b/ },
  prompt_cache_key: { value: 'pck-1', trace: /pck-1/ },
} as const

let gateway: RunningGateway
let simulator: SimulatorControl
const count = { sent: 0, named: 0 }

beforeAll(async () => {
  gateway = await startGateway()
  simulator = controlSimulator(gateway.simulator)
}, 60_000)

afterAll(async () => {
  await gateway.close()
  report(`wishes: ${count.sent} sent, ${count.named} named in x-switchyard-warning, none lost`)
}, 30_000)

/** `claude-sonnet-5-5` refuses settings that its wire format carries. */
const models = [...targets.map(({ model }) => model), 'gpt-5@openai', 'claude-sonnet-5-5@anthropic']

describe('a field that a target may leave out', () => {
  it.each(models)(
    'is sent, or named in the warning, never both and never neither: %s',
    async (model) => {
      for (const [field, { value, trace }] of Object.entries(wishes)) {
        await simulator.reset()
        const response = await fetch(`${gateway.url}/v1/chat/completions`, {
          method: 'POST',
          headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' },
          body: JSON.stringify({
            model,
            messages: [{ role: 'user', content: 'x' }],
            [field]: value,
          }),
        })
        expect({ field, status: response.status }).toEqual({ field, status: 200 })
        const [seen] = await simulator.requests()
        const sent = trace.test(JSON.stringify(seen?.body))
        const warning = response.headers.get('x-switchyard-warning') ?? ''
        const named = warning.split(/[ ,;]+/).includes(field)
        expect({ field, sent, named, warning }).toEqual({ field, sent: !named, named, warning })
        count[sent ? 'sent' : 'named'] += 1
      }
    },
  )
})
