import { expect, it } from 'vitest'
import { compare } from '../../scripts/replay/compare.ts'
import { type ReadRecord, readRecords } from '../../scripts/replay/read-records.ts'
import { openAiChat } from '../../worker/dialects/openai-chat/index.ts'
import { logLine } from '../../worker/edge/log.ts'
import { viewOfKept } from '../../worker/edge/requests.ts'
import { Exchange } from '../../worker/engine/exchange.ts'
import { serve } from '../../worker/engine/serve.ts'
import {
  billing,
  FakeHost,
  fakeRuntime,
  json,
  refusing,
  settings,
  wholeAnswer,
} from '../support/fake-host.ts'

/** `npm run replay -- --config NEW --records FILE`: where a request would be processed, beside where it was. */

const { openai, third } = settings.providers

/** A first target in the US, and one in the EU that answers when the first does not. */
const file = (targets: object = {}, regions = { openai: ['us'], third: ['eu'] }) => ({
  ...settings,
  ledger: { mode: 'off' },
  providers: {
    openai: { ...openai, regions: regions.openai },
    third: { ...third, regions: regions.third },
  },
  targets: { 'gpt-4.1@openai': {}, 'm@third': {}, ...targets },
  routes: { chat: { tiers: [['gpt-4.1@openai'], ['m@third']] } },
})

const { caller } = billing

/** The log line of a request, and the answer of `GET /v1/requests/{id}`, as they are read back. */
async function recorded(config: object, isFirstDown: boolean): Promise<readonly ReadRecord[][]> {
  const host = new FakeHost(fakeRuntime(config))
  host.on('third', json(wholeAnswer))
  host.on('openai', isFirstDown ? refusing(500) : json(wholeAnswer))
  const exchange = new Exchange('req_1', openAiChat, caller, 'chat', null, host.ports)
  const inbound = new Request('https://gateway.example/v1/chat/completions', {
    method: 'POST',
    body: JSON.stringify({ model: 'chat', messages: [{ role: 'user', content: 'Hello' }] }),
  })
  const response = await host.clock.run(serve(inbound, openAiChat, caller, exchange))
  expect(response.status).toBe(200)
  const lines = host.records.map(logLine)
  const [region] = lines.map((line) => line['switchyard.region'])
  expect(response.headers.get('x-switchyard-region')).toBe(region)
  const views = lines.map((line) => viewOfKept({ line, atMs: 0 }, []))
  return [lines, views].map((all) => [
    ...readRecords(all.map((one) => JSON.stringify(one)).join('\n')).records,
  ])
}

const us = { 'gpt-4.1@openai': { regions: ['us'] } }
const eu = { 'gpt-4.1@openai': { regions: ['eu'] } }

it.each<[string, object, boolean, object, object[]]>([
  ['the first target answered', file(), false, file(), []],
  ['another one answered for it', file(), true, file(), []],
  ['the target has regions of its own', file(eu), false, file(eu), []],
  ['it lies elsewhere now', file(), false, file(eu), [{ from: 'us', to: 'eu', records: 1 }]],
  ['it lay elsewhere', file(eu), false, file(us), [{ from: 'eu', to: 'us', records: 1 }]],
  [
    'its provider lies elsewhere now',
    file(),
    false,
    file({}, { openai: ['apac'], third: ['eu'] }),
    [{ from: 'us', to: 'apac', records: 1 }],
  ],
  [
    'the other one is the first now',
    file(),
    true,
    { ...file(), routes: { chat: { tiers: [['m@third']] } } },
    [{ from: 'us', to: 'eu', records: 1 }],
  ],
])('%s', async (_what, before, isFirstDown, after, regions) => {
  for (const records of await recorded(before, isFirstDown)) {
    expect(records).toHaveLength(1)
    expect(compare(records, fakeRuntime(after)).regions).toEqual(regions)
  }
})
