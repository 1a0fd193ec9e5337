import { describe, expect, it } from 'vitest'
import { familyOf } from '../../../worker/catalog/family.ts'

describe('familyOf()', () => {
  it.each([
    ['claude-sonnet-4-5', 'claude'],
    ['eu.anthropic.claude-haiku-4-5-20251001-v1:0', 'claude'],
    ['gpt-4.1-mini', 'gpt'],
    ['us/gpt-5-nano-2025-08-07', 'gpt'],
    ['@cf/openai/gpt-oss-120b', 'gpt-oss'],
    ['FW-GPT-OSS-120B', 'gpt-oss'],
    ['o3-mini', 'o'],
    ['gemini-2.5-flash', 'gemini'],
    ['google/gemma-3-27b-it', 'gemma'],
    ['meta-llama/Llama-3.3-70B-Instruct-Turbo', 'llama'],
    ['accounts/fireworks/models/llama-v3p2-1b', 'llama'],
    ['DeepSeek-R1-Distill-Llama-70B', 'deepseek'],
    ['mistralai/Ministral-3-14B-Instruct-2512', 'mistral'],
    ['Qwen/Qwen2.5-7B-Instruct-Turbo', 'qwen'],
    ['cohere-command-r-plus-08-2024', 'command'],
    ['amazon.nova-2-lite-v1:0', 'nova'],
    ['z-ai/glm-5.3', 'glm'],
  ])('of %s is %s', (model, family) => {
    expect(familyOf(model)).toBe(family)
  })

  it.each(['house-model', 'renovation-7b', 'photo3', 'openai/chat-latest', ''])(
    'of "%s" is unknown: a word inside another says nothing',
    (model) => {
      expect(familyOf(model)).toBeNull()
    },
  )
})
