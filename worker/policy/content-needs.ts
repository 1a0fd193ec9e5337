import type { Block, FileBlock, ImageBlock, MediaSource } from '../canonical/blocks.ts'
import type { Feature } from '../canonical/features.ts'
import { keepSpecimen } from '../canonical/specimens.ts'
import type { CanonicalRequest, Message } from '../canonical/request.ts'
import { nameOf } from './field-names.ts'

/** A wire format whose own block, tool or field the request holds. */
export interface WireNeed {
  readonly wire: string
  readonly param: string
  /** A target of another format is avoided; else it answers without, with a warning. */
  readonly hard: boolean
}

/** What a request asks for, gathered while it is walked; the first place that asks is the one that is named. */
export class Asked {
  readonly needs = new Map<Feature, string>()
  readonly wishes = new Map<Feature, string>()
  readonly wires: WireNeed[] = []
  #isCut = false
  characters = 0
  readonly #request: CanonicalRequest

  constructor(request: CanonicalRequest) {
    this.#request = request
  }

  need(feature: Feature, place?: Place): void {
    if (!this.needs.has(feature)) this.needs.set(feature, this.#name(feature, place))
  }

  wish(feature: Feature, asked: boolean, place?: Place): void {
    if (asked && !this.wishes.has(feature)) this.wishes.set(feature, this.#name(feature, place))
  }

  /** Bound to one wire format, and lost on every other. Of many such, the first of each kind decides, and so many are told. */
  bind(wire: string, param: string, hard: boolean): void {
    const { wires } = this
    const isNew = () => !wires.some((one) => one.wire === wire && one.hard === hard)
    if (wires.length < mostTold || isNew()) {
      const isLong = param.length > longestParam
      wires.push({ wire, param: isLong ? `${param.slice(0, longestParam - 3)}...` : param, hard })
    } else if (!this.#isCut) {
      this.#isCut = true
      wires.push({ wire, param: 'more', hard: false })
    }
  }

  #name(feature: Feature, place: Place | undefined): string {
    return nameOf(this.#request, feature, typeof place === 'function' ? place() : place)
  }
}

/** A header and a record name these; nobody reads more. */
const mostTold = 20
/** Of a caller's own name for a field, characters. */
const longestParam = 96

/** Where something is asked for; a path is written out only when it is the first to ask. */
type Place = string | (() => string)

/** Characters that stand for a picture: some hundred to two thousand tokens, and this is the middle of that. */
const mediaCharacters = 3000
const fileCharacters = 6000

/** Characters of a tool's name that every wire takes; Anthropic's takes twice as many. */
export const usualNameLength = 64

/** What the messages ask for. Paths are built for what asks only: most blocks are text. */
export function contentNeeds({ messages }: CanonicalRequest, asked: Asked): void {
  let inOtherFields = 0
  let index = 0
  for (const message of messages) {
    if (message.field !== undefined) inOtherFields += 1
    const position = index - inOtherFields
    const path = () => message.field ?? `messages[${position}]`
    const characters = plainTextLength(message)
    if (characters === null) messageNeeds(message, path, asked)
    else asked.characters += characters
    index += 1
    if (index === messages.length && isPrefill(message)) asked.need('prefill', path)
  }
}

function isPrefill({ role, content }: Message): boolean {
  return role === 'assistant' && content.length > 0
}

/** Most messages are text that asks for nothing, and need no names for their blocks. Null for all others. */
function plainTextLength({ name, content }: Message): number | null {
  if (name !== undefined) return null
  let length = 0
  for (const block of content) {
    if (block.type !== 'text' || block.cache !== undefined) return null
    length += block.text.length
  }
  return length
}

function messageNeeds({ name, field, content }: Message, path: () => string, asked: Asked): void {
  asked.wish('participantNames', name !== undefined, path)
  const place = () => (field === undefined ? `${path()}.content` : path())
  for (const [position, block] of content.entries())
    blockNeeds(block, () => `${place()}[${position}]`, asked)
}

function blockNeeds(block: Block, path: () => string, asked: Asked): void {
  asked.wish('cacheMarks', 'cache' in block && block.cache !== undefined, path)
  switch (block.type) {
    case 'text':
    case 'refusal':
      asked.characters += block.text.length
      return
    case 'reasoning':
      asked.characters += block.text.length
      asked.wish('thoughts', true, path)
      return
    case 'image':
      return imageNeeds(block, path, asked)
    case 'audio':
    case 'video':
      asked.characters += mediaCharacters
      asked.need(block.type === 'audio' ? 'audioInput' : 'videoInput', path)
      return idNeeds(block.source, path, asked)
    case 'file':
      return fileNeeds(block, path, asked)
    case 'toolCall':
      asked.characters += block.arguments.length
      asked.need(block.custom === true ? 'customTools' : 'tools', path)
      if (block.name.length > usualNameLength) asked.need('longToolNames', path)
      asked.wish('thoughts', block.signature !== undefined, path)
      return
    case 'toolResult':
      asked.need('tools', path)
      asked.wish('toolErrors', block.isError === true, path)
      for (const [position, inner] of block.content.entries())
        resultNeeds(inner, () => `${path()}.content[${position}]`, asked)
      return
    case 'opaque':
      return asked.bind(block.raw.wire, path(), true)
    case 'media':
      if (block.id !== undefined && block.data === undefined && block.transcript === undefined)
        asked.need('audioHistory', path)
  }
}

/** What stands inside a tool's answer: some wires take pictures and files there, and then of the same kinds as elsewhere. */
function resultNeeds(block: Block, path: () => string, asked: Asked): void {
  if (block.type === 'image' || block.type === 'file') asked.need('toolResultImages', path)
  blockNeeds(block, path, asked)
}

function imageNeeds(block: ImageBlock, path: () => string, asked: Asked): void {
  asked.characters += mediaCharacters
  asked.need(block.source.kind === 'url' ? 'imageUrl' : 'imageBase64', path)
  idNeeds(block.source, path, asked)
  asked.wish('imageDetail', asksForDetail(block), path)
}

/** `auto` is what leaving it out means. */
function asksForDetail({ detail }: ImageBlock): boolean {
  return detail !== undefined && detail !== 'auto'
}

function fileNeeds(block: FileBlock, path: () => string, asked: Asked): void {
  const { source } = block
  asked.characters += source.kind === 'text' ? source.text.length : fileCharacters
  asked.need(fileFeature(source), path)
  idNeeds(source, path, asked)
  asked.wish('citations', block.citations === true, path)
  asked.wish('documentTitles', block.name !== undefined, path)
  asked.wish('documentContext', block.context !== undefined, path)
}

/** An id names a file in the account of one vendor: another would find nothing, or someone else's file. */
function idNeeds(source: MediaSource, path: () => string, asked: Asked): void {
  if (source.kind !== 'id') return
  asked.need('fileId', path)
  if (source.wire !== undefined) asked.bind(source.wire, path(), true)
}

function fileFeature(source: MediaSource): Feature {
  switch (source.kind) {
    case 'url':
      return 'fileUrl'
    case 'base64':
      return 'fileBase64'
    case 'id':
      return 'fileId'
    case 'text':
      return 'fileText'
  }
}

/** Asks for nothing. */
export const noRequest: CanonicalRequest = {
  model: '',
  messages: [],
  sampling: {},
  stream: false,
  includeUsage: true,
  includeCost: false,
}
keepSpecimen(new Asked(noRequest))
