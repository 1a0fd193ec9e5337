import { describe, expect, it } from 'vitest'
import type { CanonicalRequest } from '../../../../worker/canonical/request.ts'
import {
  type BoundedAttempt,
  boundOf,
  type BoundRules,
} from '../../../../worker/edge/ledger/attempt-terms.ts'
import {
  type Calibration,
  newCalibration,
  observe,
} from '../../../../worker/edge/ledger/calibration.ts'
import { bytesOf } from '../../../../worker/edge/ledger/input-bound.ts'
import { chatRequest, fakeRuntime, settings } from '../../../support/fake-host.ts'
import { helloTokens, inPrice, outPrice, runtime, worstOf } from './support.ts'

const hard: BoundRules = { kind: 'hard', isStrict: false, isClamped: false }
const soft: BoundRules = { ...hard, kind: 'soft' }
const unknown: BoundRules = { ...hard, kind: 'unknown' }

function bound(
  rules: BoundRules,
  more: Partial<CanonicalRequest> = {},
  target = 'gpt-4.1@openai',
  calibration: Calibration = newCalibration(),
): BoundedAttempt {
  const found = runtime.targets.get(target)
  if (found === undefined) throw new Error(`no target ${target}`)
  const one = boundOf(chatRequest(more), found, rules, calibration)
  if (one.kind === 'refused') throw new Error(one.reason)
  return one
}

function text(length: number): Partial<CanonicalRequest> {
  return { messages: [{ role: 'user', content: [{ type: 'text', text: 'x'.repeat(length) }] }] }
}

/** Prompts of this model cost a quarter of their bytes. */
function learned(): Calibration {
  const calibration = newCalibration()
  for (let request = 0; request < 100; request += 1)
    observe(calibration, { target: 'gpt-4.1@openai', boundTokens: 4000, inputTokens: 1000 })
  return calibration
}

const image = {
  messages: [
    {
      role: 'user',
      content: [{ type: 'audio', source: { kind: 'base64', mediaType: 'audio/wav', data: '' } }],
    },
  ],
} as const

describe('boundOf()', () => {
  it('counts bytes, and enforces the limit, where a budget is hard', () => {
    expect(bound(hard)).toMatchObject({
      worstNanoUsd: worstOf(4096),
      outputTokens: 4096,
      isEnforced: true,
      byteTokens: helloTokens,
    })
    expect(bound(hard, text(4000), undefined, learned()).inputTokens).toBe(4016)
  })

  it('counts an answer as long as the model can make it where none is, and enforces nothing', () => {
    expect(bound(soft)).toMatchObject({
      worstNanoUsd: worstOf(32_768),
      isEnforced: false,
      tokens: helloTokens + 4096,
    })
    expect(bound(soft, { maxOutputTokens: 20_000 })).toMatchObject({
      worstNanoUsd: worstOf(20_000),
      tokens: helloTokens + 20_000,
    })
  })

  it('counts what was learned of prompts where no budget is hard, and of text alone', () => {
    const prompt = text(4000)
    // A quarter, and the step that it lies in; three tenths more, and 256.
    const likely = Math.ceil(4016 * 0.26 * 1.3) + 256
    expect(bound(soft, prompt, undefined, learned()).inputTokens).toBe(likely)
    expect(bound(unknown, prompt, undefined, learned()).inputTokens).toBe(4016)
    expect(bound({ ...soft, isStrict: true }, prompt, undefined, learned()).inputTokens).toBe(4016)
    const picture = {
      type: 'image',
      source: { kind: 'base64', mediaType: 'image/png', data: '' },
    } as const
    const mixed = {
      messages: [{ role: 'user', content: [{ type: 'text', text: 'x'.repeat(4000) }, picture] }],
    } as const
    const whole = bound(soft, mixed)
    expect(bound(soft, mixed, undefined, learned()).inputTokens).toBe(whole.inputTokens)
  })

  it('is as if hard where nobody knows yet, so that nobody takes what others need', () => {
    expect(bound(unknown)).toMatchObject({ worstNanoUsd: worstOf(4096), isEnforced: true })
  })

  it('teaches nothing of a prompt that is more than bytes', () => {
    expect(bound(soft, text(500)).byteTokens).toBe(516)
    expect(bound(soft, text(4000), undefined, learned()).byteTokens).toBe(4016)
    expect(bound(soft, image).byteTokens).toBeNull()
  })

  it('refuses what has no bound for a hard budget, and counts a window for others', () => {
    expect(() => bound(hard, image)).toThrow('unbounded_input')
    for (const rules of [soft, unknown])
      expect(bound(rules, image)).toMatchObject({ inputTokens: 1_047_576, isEnforced: false })
    expect(() => bound({ ...soft, isStrict: true }, image)).toThrow('unbounded_input')
    expect(() => bound({ ...unknown, isStrict: true }, image)).toThrow('unbounded_input')
  })

  it('counts a large window where nobody knows how large it is', () => {
    const target = runtime.targets.get('gpt-4.1@openai')
    if (target?.facts === undefined || target.facts === null) throw new Error('no facts')
    const { contextTokens: _, ...facts } = target.facts
    const one = boundOf(chatRequest(image), { ...target, facts }, soft, newCalibration())
    expect(one).toMatchObject({ inputTokens: 1_000_000 })
  })

  it('holds nothing for what costs nothing, whatever is in it', () => {
    expect(bound(hard, image, 'own@third')).toMatchObject({ worstNanoUsd: 0, isEnforced: false })
  })

  it('refuses what has no price, whatever is known of its budgets', () => {
    for (const rules of [hard, soft, unknown])
      expect(() => bound(rules, {}, 'm@third')).toThrow('unpriced')
  })

  it('makes answers short while a threshold asks for it', () => {
    for (const rules of [hard, soft, unknown]) {
      const clamp = { ...rules, isClamped: true }
      expect(bound(clamp)).toMatchObject({
        outputTokens: 1024,
        askedOutputTokens: 4096,
        worstNanoUsd: helloTokens * inPrice + 1024 * outPrice,
        isEnforced: true,
      })
      expect(bound(clamp, { maxOutputTokens: 80 })).toMatchObject({
        outputTokens: 80,
        askedOutputTokens: 80,
      })
      expect(bound(clamp, { maxOutputTokens: 9000 })).toMatchObject({
        outputTokens: 1024,
        askedOutputTokens: 9000,
      })
    }
  })

  it('knows what a model has by the price of its own vendor', () => {
    const other = fakeRuntime(settings).targets.get('claude-sonnet-4-5@anthropic')
    if (other === undefined) throw new Error('no target')
    const one = boundOf(chatRequest(), other, hard, newCalibration())
    // Of all that its input may be charged at, a cache write of an hour is the dearest.
    expect(one).toMatchObject({ worstNanoUsd: helloTokens * 6000 + 4096 * 15_000 })
  })
})

describe('bytesOf()', () => {
  it.each([
    ['', 0],
    ['abc', 3],
    ['é', 2],
    ['€', 3],
    ['😀', 4],
    ['a😀b', 6],
    ['\ud83d', 3],
    ['\ude00', 3],
    ['\ud83dx', 4],
    ['\ude00\ud83d', 6],
  ])('%j has %i bytes', (text, bytes) => {
    expect(bytesOf(text)).toBe(bytes)
    expect(new TextEncoder().encode(text)).toHaveLength(bytes)
    // A long one is counted another way.
    expect(bytesOf(text + 'é'.repeat(600))).toBe(bytes + 1200)
  })
})
