import type { Block } from '../canonical/blocks.ts'
import type { CanonicalRequest } from '../canonical/request.ts'
import { DataScan, type Finding } from './data-scan.ts'
import { dataClasses, type DataClass } from './request-facts.ts'

/** Which class of data each finding makes of a request; null: it makes none. */
export type DetectorClasses = Readonly<Record<Finding, DataClass | null>>

export const defaultDetectorClasses: DetectorClasses = {
  apiKey: 'confidential',
  card: 'regulated',
  account: 'regulated',
  email: 'confidential',
  phone: 'confidential',
  health: 'regulated',
  legal: 'confidential',
}

/** Of a request of which nobody says anything. */
export const ordinaryDataClass: DataClass = 'internal'

/** The more careful of two; what nobody gave counts as nothing. */
export function moreCareful(one: DataClass | null, other: DataClass | null): DataClass | null {
  if (one === null || other === null) return one ?? other
  return dataClasses.indexOf(one) >= dataClasses.indexOf(other) ? one : other
}

/** `given`, raised by what was found. */
export function raisedBy(
  found: readonly Finding[],
  given: DataClass | null,
  classes: DetectorClasses,
): DataClass {
  return (
    found.reduce<DataClass | null>(
      (highest, finding) => moreCareful(highest, classes[finding]),
      given,
    ) ?? ordinaryDataClass
  )
}

/** What the detectors find in all texts of a request: messages, tool calls and their results. Media and files that are not text are not read. */
export function findData({ messages }: CanonicalRequest): readonly Finding[] {
  const scan = new DataScan()
  for (const { content } of messages) for (const block of content) readBlock(block, scan)
  return scan.found
}

function readBlock(block: Block, scan: DataScan): void {
  switch (block.type) {
    case 'text':
    case 'refusal':
    case 'reasoning':
      return scan.read(block.text)
    case 'toolCall':
      return scan.read(block.arguments)
    case 'toolResult':
      for (const inner of block.content) readBlock(inner, scan)
      return
    case 'file':
      if (block.source.kind === 'text') scan.read(block.source.text)
      return
    case 'media':
      if (block.transcript !== undefined) scan.read(block.transcript)
      return
    case 'image':
    case 'audio':
    case 'video':
    case 'opaque':
  }
}
