import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  bestOfSchema,
  hedgeSchema,
  picks,
  resumeSchema,
  shadowSchema,
} from '../../../worker/edge/parallel-schema.ts'
import { logLine } from '../../../worker/edge/log.ts'
import type { ShadowPort, ShadowRecord } from '../../../worker/engine/shadow-port.ts'
import { unmetered } from '../../../worker/engine/money-port.ts'
import { breaking, message, whole } from '../../support/breaking-streams.ts'
import { json, silence, wholeAnswer } from '../../support/fake-host.ts'
import { ask, hostOf, textOf, withStreams, worldOf } from '../../support/parallel-world.ts'

withStreams()

const page = readFileSync(new URL('../../../docs/hedging.md', import.meta.url), 'utf8')

/** The options of the page's examples, by their name. */
const examples = new Map(
  [...page.matchAll(/^```json\n([^]*?)^```$/gm)].map(([, text = '']) => {
    const options = JSON.parse(text) as Record<string, object>
    return [Object.keys(options)[0] ?? '', options]
  }),
)

const two = [['gpt-4.1@openai'], ['gpt-4.1@backup']]

describe('docs/hedging.md', () => {
  it('has an example of each option, and tells all of its fields', () => {
    expect([...examples.keys()]).toEqual(['hedge', 'bestOf', 'shadow', 'resume'])
    for (const schema of [hedgeSchema, bestOfSchema, shadowSchema, resumeSchema])
      for (const field of Object.keys(schema.shape)) expect(page).toContain(field)
    for (const pick of picks) expect(page).toContain(`| \`${pick}\` |`)
  })

  it('hedges as it says', async () => {
    const host = hostOf(worldOf(examples.get('hedge') ?? {}, two))
    host.on('openai', silence).on('backup', whole('Hello'))
    expect(textOf((await ask(host)).text)).toBe('Hello')
  })

  it('picks as it says', async () => {
    const host = hostOf(worldOf(examples.get('bestOf') ?? {}, two))
    host.on('openai', json(wholeAnswer)).on('backup', json(wholeAnswer))
    const { headers } = await ask(host, { body: { stream: false } })
    expect(host.calls).toHaveLength(3)
    expect(headers.get('x-switchyard-reason')).toContain('valid answers alike')
  })

  it('casts a shadow as it says', async () => {
    const records: ShadowRecord[] = []
    const shadows: ShadowPort = {
      money: unmetered,
      open: async (payer, usd) => payer === 'shadow.chat' && usd === 2,
      compared: (record) => void records.push(record),
    }
    for (let index = 0; index < 80; index++) {
      const runtime = worldOf(examples.get('shadow') ?? {}, [['gpt-4.1@openai']])
      const host = hostOf(runtime, undefined, undefined, shadows)
      host.random = index / 80
      host.on('openai', whole('Hello')).on('anthropic', message(['Hello']))
      await ask(host)
    }
    expect(records.length).toBeGreaterThan(0)
    expect(records.length).toBeLessThan(80 * 0.2)
    expect(records.every(({ outcome }) => outcome === 'ok')).toBe(true)
  })

  it('lets an answer go on as it says, with the header of the page', async () => {
    const header = /-H '(x-switchyard-resume): (\w+)'/.exec(page)
    const headers = { [header?.[1] ?? '']: header?.[2] ?? '' }
    const host = hostOf(worldOf(examples.get('resume') ?? {}, two))
    host.on('openai', breaking('truncate', 'The cat ')).on('backup', whole('sat.'))
    const { text } = await ask(host, { headers })
    expect(textOf(text)).toBe('The cat sat.')
    const shown = /^: switchyard-resume (\{.*\})$/m.exec(page)?.[1] ?? '{}'
    const told = /^: switchyard-resume (\{.*\})$/m.exec(text)?.[1] ?? '{}'
    expect(Object.keys(JSON.parse(told) as object)).toEqual(
      Object.keys(JSON.parse(shown) as object),
    )
  })

  it('logs the call that goes on as it says', async () => {
    const shown = JSON.parse(/^\{"target".*\}$/m.exec(page)?.[0] ?? '{}') as object
    const host = hostOf(worldOf({}, [['gpt-4.1@openai'], ['claude-sonnet-4-5@anthropic']]))
    host.on('openai', breaking('truncate', 'The cat ')).on('anthropic', message(['sat.']))
    await ask(host, { headers: { 'x-switchyard-resume': 'continue' } })
    const [record] = host.records
    const line = JSON.parse(JSON.stringify(record === undefined ? {} : logLine(record))) as {
      'switchyard.attempts': object[]
    }
    expect(line['switchyard.attempts'][0]).not.toHaveProperty('continues')
    expect(line['switchyard.attempts'][1]).toEqual({
      ...shown,
      duration_ms: expect.any(Number),
      first_token_ms: expect.any(Number),
    })
  })
})
