import type { Block } from '../../canonical/blocks.ts'
import type { CanonicalRequest, NativeTool, Tool } from '../../canonical/request.ts'
import { imageBound, imageTokens } from './image-bound.ts'

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

/** Roles and separators around each message (`reliability.md` 3.3), and what marks an image. */
const tokensPerMessage = 16

/** What providers put before a prompt that has tools. Anthropic's longest is 804 (docs.claude.com tool use, pricing). */
const toolPromptTokens = 1024

const encoder = new TextEncoder()

/** Up to here counting is cheaper than encoding, which crosses into the runtime, characters. */
const countedCharacters = 512

/** UTF-8: every token of a byte-level vocabulary is at least one byte. */
export function bytesOf(text: string): number {
  const { length } = text
  if (length > countedCharacters) return encoder.encode(text).length
  let bytes = length
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index)
    if (code <= 0x7f) continue
    if (code <= 0x7ff) bytes += 1
    else if (code < 0xd800 || code > 0xdbff || !isSecondHalf(text.charCodeAt(index + 1))) bytes += 2
    // A pair: two characters, four bytes.
    else {
      bytes += 2
      index += 1
    }
  }
  return bytes
}

function isSecondHalf(code: number): boolean {
  return code >= 0xdc00 && code <= 0xdfff
}

class Sum {
  tokens = 0
  unbounded: string | null = null
  hasAudio = false
  hasImages = false
  readonly #provider: string
  readonly #model: string

  constructor(provider: string, model: string) {
    this.#provider = provider
    this.#model = model
  }

  text(text: string): void {
    this.tokens += bytesOf(text)
  }

  json(value: unknown): void {
    this.tokens += bytesOf(JSON.stringify(value) ?? '')
  }

  image(param: string, detail: string | undefined): void {
    this.hasImages = true
    const most = imageTokens(imageBound(this.#provider, this.#model), detail)
    if (most === null) this.unbounded ??= param
    else this.tokens += most + tokensPerMessage
  }

  unknown(param: string): void {
    this.unbounded ??= param
  }
}

export function inputBound(request: CanonicalRequest, provider: string, model: string): InputBound {
  const sum = new Sum(provider, model)
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
      // Billed by the second (OpenAI 10 tokens, Gemini 32; developers.openai.com/api/docs/guides/realtime-costs,
      // ai.google.dev/gemini-api/docs/tokens, both 2026-11-26), and no number of bytes says how many those are at most.
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
