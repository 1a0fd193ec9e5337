import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { root } from '../../../scripts/local-gateway.ts'
import { rungName } from '../../../worker/edge/ladder.ts'
import {
  degradeSchema,
  scarcitySchema,
  validateSchema,
} from '../../../worker/edge/ladder-schema.ts'
import { json, refusing, settings, silence, wholeAnswer } from '../../support/fake-host.ts'
import {
  ask,
  begin,
  caller,
  contentOf,
  type Gateway,
  gatewayOf,
  installTransform,
  says,
} from './support.ts'

/** Every example of the page is a part of `routes.json` that does what the page says. */

beforeAll(installTransform)

const page = readFileSync(join(root, 'docs/degrade.md'), 'utf8')

interface Part {
  readonly routes: Readonly<Record<string, object>>
  readonly targets?: Readonly<Record<string, object>>
}

const examples = new Map(
  [...page.matchAll(/^### (.+)\n[^]*?^```json\n([^]*?)^```$/gm)].map(
    ([, title = '', text = '']) => [title, JSON.parse(text) as Part],
  ),
)

const used = new Set<string>()

function example(title: string): Gateway {
  const part = examples.get(title)
  if (part === undefined) throw new Error(`the page has no example "${title}"`)
  used.add(title)
  const targets = { ...settings.targets, ...part.targets }
  return gatewayOf({ ...settings, tenants: { demo: {} }, ...part, targets })
}

describe('docs/degrade.md', () => {
  it('A ladder with every rung: smaller model, then the fixed text', async () => {
    const gateway = example('A ladder with every rung')
    gateway.host.on('openai', refusing(500)).on('backup', json(says('small')))
    const smaller = await ask(gateway)
    expect([contentOf(smaller), smaller.degraded]).toEqual(['small', 'smaller-model'])
    gateway.host.on('backup', refusing(500))
    const body = { messages: [{ role: 'user', content: 'Something else' }] }
    expect(contentOf(await ask(gateway, { body }))).toMatch(
      /^We are busy\. Try again in \d+ s\. Reference: req_1\.$/,
    )
  })

  it('A ladder with every rung: what was answered before is given again', async () => {
    const gateway = example('A ladder with every rung')
    gateway.host.on('openai', json(says('large')))
    await ask(gateway)
    gateway.host.on('openai', refusing(500)).on('backup', json(says('small')))
    const seen = await ask(gateway)
    expect([contentOf(seen), seen.degraded]).toEqual(['large', 'cache'])
  })

  it('A smaller model behind the first: marked only where it is smaller', async () => {
    const gateway = example('A smaller model behind the first')
    gateway.host.on('openai', refusing(400, { code: 'model_not_found' }))
    gateway.host.on('third', json(says('family'))).on('backup', json(says('small')))
    expect((await ask(gateway)).degraded).toBeNull()
    gateway.host.on('third', refusing(400, { code: 'model_not_found' }))
    expect((await ask(gateway)).degraded).toBe('smaller-model')
  })

  it('The cache as a rung: asked when nobody answers', async () => {
    const gateway = example('The cache as a rung')
    gateway.host.on('openai', json(wholeAnswer))
    expect([(await ask(gateway)).degraded, (await ask(gateway)).degraded]).toEqual([null, null])
    gateway.host.on('openai', refusing(500))
    expect((await ask(gateway)).degraded).toBe('cache')
  })

  it('The cache first: asked before anybody is', async () => {
    const gateway = example('The cache first')
    gateway.host.on('openai', json(wholeAnswer))
    expect([(await ask(gateway)).degraded, (await ask(gateway)).degraded]).toEqual([null, 'cache'])
    expect(gateway.host.calls).toHaveLength(1)
  })

  it('A route whose answers match their schema: the second answers where the first does not', async () => {
    const gateway = example('A route whose answers match their schema')
    gateway.host.on('openai', json(says('no JSON'))).on('backup', json(says('{"ok":true}')))
    const json_schema = { name: 's', schema: { type: 'object', required: ['ok'] } }
    const body = { response_format: { type: 'json_schema', json_schema } }
    expect(contentOf(await ask(gateway, { body }))).toBe('{"ok":true}')
    const stream = await ask(gateway, { body: { ...body, stream: true } })
    expect(stream.text).toContain('{\\"ok\\":true}')
  })

  it('Premium first: eight of ten for all, five of ten for batch, all for premium', async () => {
    const most = async (tenant: string, model: string): Promise<number> => {
      const gateway = example('Premium first')
      gateway.host.on('openai', silence)
      for (let n = 0; n < 12; n++)
        begin(gateway, { caller: { ...caller, tenant }, body: { model } }).catch(() => undefined)
      await gateway.host.clock.settle()
      return gateway.host.calls.length
    }
    expect(await most('demo', 'chat')).toBe(8)
    expect(await most('night', 'chat')).toBe(5)
    expect(await most('demo', 'reports')).toBe(5)
    expect(await most('gold', 'chat')).toBe(12)
    expect(await most('night', 'alarm')).toBe(12)
  })

  it('has no example that nobody runs', () => {
    expect([...used].toSorted()).toEqual([...examples.keys()].toSorted())
  })

  it('names every rung and every option, with the defaults that they have', () => {
    const all = ['cache', 'smaller-model', 'shorter', { rung: 'template', text: 'x' }, 'deferred']
    for (const rung of degradeSchema.parse(all)) expect(page).toContain(`| \`${rungName(rung)}\` |`)
    for (const option of Object.keys(validateSchema.shape)) expect(page).toContain(`| \`${option}:`)
    const { premiumReserve, batchShare, batchWaitMs } = scarcitySchema.parse({})
    expect(page).toContain(`\`premiumReserve\` (${premiumReserve})`)
    expect(page).toContain(`\`batchShare\` (${batchShare})`)
    expect(page).toContain(`\`batchWaitMs\` (${batchWaitMs / 1000} s)`)
  })
})
