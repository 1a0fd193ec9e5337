import type { Block, Citation } from '../canonical/blocks.ts'
import type { CanonicalRequest, Tool } from '../canonical/request.ts'
import type { DataScan } from './data-scan.ts'
import { ValueReader } from './data-values.ts'

/** Reads all texts of a request that a provider would be sent; see `docs/routing.md` for what is not read. */
export function readTexts(request: CanonicalRequest, scan: DataScan): void {
  const values = new ValueReader(scan)
  for (const { content, name } of request.messages) {
    readGiven(name, scan)
    readContent(content, scan, values)
  }
  const { tools, responseFormat, stop } = request
  if (tools !== undefined) for (const tool of tools) readTool(tool, scan, values)
  if (responseFormat?.type === 'jsonSchema') {
    scan.readText(responseFormat.name)
    readGiven(responseFormat.description, scan)
    values.read(responseFormat.schema)
  }
  if (stop !== undefined) for (const text of stop) scan.readText(text)
  readGiven(request.userId, scan)
  readGiven(request.promptCacheKey, scan)
  if (request.metadata !== undefined) values.read(request.metadata)
  if (request.extensions !== undefined) values.read(request.extensions)
}

function readGiven(text: string | undefined, scan: DataScan): void {
  if (text !== undefined) scan.readText(text)
}

function readTool(tool: Tool, scan: DataScan, values: ValueReader): void {
  scan.readText(tool.name)
  if (tool.kind === 'native') return values.read(tool.raw.value)
  readGiven(tool.description, scan)
  if (tool.parameters !== undefined) values.read(tool.parameters)
  if (tool.extensions !== undefined) values.read(tool.extensions.value)
}

/** The blocks of a message or of a tool's result; text blocks beside one another are one text. */
function readContent(content: readonly Block[], scan: DataScan, values: ValueReader): void {
  let texts: string[] | null = null
  for (const [index, block] of content.entries()) {
    if (block.type !== 'text') {
      readBlock(block, scan, values)
      continue
    }
    if (block.citations !== undefined) readCitations(block.citations, scan, values)
    if (content[index + 1]?.type === 'text') (texts ??= []).push(block.text)
    else if (texts === null) scan.readText(block.text)
    else {
      texts.push(block.text)
      readTogether(texts, scan)
      texts = null
    }
  }
}

/** Providers put the parts of a message together with something between them or with nothing. */
function readTogether(texts: readonly string[], scan: DataScan): void {
  scan.readText(texts.join(' '))
  scan.readText(texts.map(endsOf).join(''))
}

/** Longest part of a text that is looked at again to see what it is together with its neighbour, characters. */
const longestEnd = 128

/** Both ends of a long text, without the words that would be cut. */
function endsOf(text: string): string {
  if (text.length <= 2 * longestEnd) return text
  const head = text.slice(0, longestEnd)
  const tail = text.slice(-longestEnd)
  const first = tail.indexOf(' ')
  return `${head.slice(0, head.lastIndexOf(' ') + 1)}\n\n${first === -1 ? '' : tail.slice(first)}`
}

function readCitations(citations: readonly Citation[], scan: DataScan, values: ValueReader): void {
  for (const { title, citedText, raw } of citations) {
    readGiven(title, scan)
    readGiven(citedText, scan)
    if (raw !== undefined) values.read(raw.value)
  }
}

function readBlock(block: Block, scan: DataScan, values: ValueReader): void {
  switch (block.type) {
    case 'text':
    case 'refusal':
    case 'reasoning':
      return scan.readText(block.text)
    case 'toolCall':
      scan.readText(block.name)
      return scan.readText(block.arguments)
    case 'toolResult':
      readGiven(block.name, scan)
      return readContent(block.content, scan, values)
    case 'file':
      readGiven(block.name, scan)
      readGiven(block.context, scan)
      if (block.source.kind === 'text') scan.readText(block.source.text)
      return
    case 'media':
      return readGiven(block.transcript, scan)
    case 'opaque':
      return values.read(block.raw.value)
    case 'image':
    case 'audio':
    case 'video':
  }
}
