import type { Block } from '../../canonical/blocks.ts'
import type { CanonicalRequest, NativeTool, Tool } from '../../canonical/request.ts'

/** How many input tokens a request can cost at most, and what of it nobody can say. */
export interface InputBound {
  /** Of everything that has a bound. */
  readonly tokens: number
  /** Field of what has no documented bound; null when all has. */
  readonly unbounded: string | null
  readonly hasAudio: boolean
  readonly hasImages: boolean
  /** Tools that the provider runs and may bill, with the most they may be used; null: no limit is set. */
  readonly serverTools: readonly { readonly name: string; readonly maxUses: number | null }[]
}

/** Roles and separators around each message (`reliability.md` 3.3). */
const tokensPerMessage = 16

/** What providers put before a prompt that has tools. Anthropic's longest is 804 (docs.claude.com tool use, pricing). */
const toolPromptTokens = 1024

interface ImageRow {
  readonly tokens: number
  readonly source: string
  readonly readOn: string
}

/**
 * The most that one image costs, by provider. OpenAI: 1,536 patches at 2.46 each is more than 85 + 8 tiles of 170.
 * Anthropic: width x height / 750, at most 1,568 pixels a side. A provider without a row has no documented bound.
 */
const largestImage: Readonly<Record<string, ImageRow>> = {
  openai: {
    tokens: 3779,
    source: 'https://platform.openai.com/docs/guides/images',
    readOn: '2026-11-26',
  },
  anthropic: {
    tokens: 3279,
    source: 'https://docs.anthropic.com/en/docs/build-with-claude/vision',
    readOn: '2026-11-26',
  },
}

/** It counts images 33 times: 2,833 and 8 tiles of 5,667 (the same page). */
const miniImageTokens = 48_169

const encoder = new TextEncoder()

/** Every token of a byte-level vocabulary is at least one byte. */
function bytesOf(text: string): number {
  return encoder.encode(text).length
}

class Sum {
  tokens = 0
  unbounded: string | null = null
  hasAudio = false
  hasImages = false
  readonly #imageTokens: number | null

  constructor(imageTokens: number | null) {
    this.#imageTokens = imageTokens
  }

  text(text: string): void {
    this.tokens += bytesOf(text)
  }

  json(value: unknown): void {
    this.tokens += bytesOf(JSON.stringify(value) ?? '')
  }

  image(param: string, detail: string | undefined): void {
    this.hasImages = true
    // `original` is not scaled down, so it has no largest size.
    if (this.#imageTokens === null || detail === 'original') this.unbounded ??= param
    else this.tokens += this.#imageTokens
  }

  unknown(param: string): void {
    this.unbounded ??= param
  }
}

export function inputBound(request: CanonicalRequest, provider: string, model: string): InputBound {
  const sum = new Sum(imageTokensOf(provider, model))
  for (const [index, { content, name }] of request.messages.entries()) {
    sum.tokens += tokensPerMessage
    sum.text(name ?? '')
    for (const block of content) addBlock(sum, block, `messages[${index}].content`)
  }
  if (request.responseFormat !== undefined) sum.json(request.responseFormat)
  const serverTools = (request.tools ?? []).flatMap((tool) => addTool(sum, tool))
  if (request.tools !== undefined && request.tools.length > 0) sum.tokens += toolPromptTokens
  const { tokens, unbounded, hasAudio, hasImages } = sum
  return { tokens, unbounded, hasAudio, hasImages, serverTools }
}

function imageTokensOf(provider: string, model: string): number | null {
  if (provider === 'openai' && model.startsWith('gpt-4o-mini')) return miniImageTokens
  return Object.hasOwn(largestImage, provider) ? (largestImage[provider]?.tokens ?? null) : null
}

function addBlock(sum: Sum, block: Block, param: string): void {
  switch (block.type) {
    case 'text':
    case 'refusal':
      sum.text(block.text)
      return
    case 'reasoning':
      sum.text(block.text)
      sum.text(block.signature ?? '')
      sum.text(block.redacted ?? '')
      return
    case 'toolCall':
      sum.tokens += tokensPerMessage
      sum.text(block.name)
      sum.text(block.id)
      sum.text(block.arguments)
      return
    case 'toolResult':
      sum.tokens += tokensPerMessage
      sum.text(block.toolCallId)
      for (const inner of block.content) addBlock(sum, inner, param)
      return
    case 'image':
      sum.image(param, block.detail)
      return
    case 'file':
      if (block.source.kind === 'text') sum.text(block.source.text)
      else sum.unknown(param)
      sum.text(block.name ?? '')
      sum.text(block.context ?? '')
      return
    case 'audio':
      sum.hasAudio = true
      sum.unknown(param)
      return
    // What a provider made or understands alone: its size in tokens is not in its bytes.
    case 'video':
    case 'media':
    case 'opaque':
      sum.unknown(param)
  }
}

/** Tools of a wire format that the client runs itself: they are only described. */
const clientTools = /^(custom|bash_|text_editor_|computer_|memory_)/

function addTool(sum: Sum, tool: Tool): InputBound['serverTools'] {
  sum.tokens += tokensPerMessage
  if (tool.kind === 'function') {
    sum.json(tool)
    return []
  }
  sum.json(tool.raw.value)
  const { type, max_uses: maxUses } = fieldsOf(tool)
  if (typeof type === 'string' && clientTools.test(type)) return []
  const isLimited = typeof maxUses === 'number' && Number.isSafeInteger(maxUses) && maxUses >= 0
  return [{ name: tool.name, maxUses: isLimited ? maxUses : null }]
}

function fieldsOf({ raw }: NativeTool): { readonly [key: string]: unknown } {
  const { value } = raw
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
