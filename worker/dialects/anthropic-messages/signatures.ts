import type { Wire } from '../../canonical/blocks.ts'

/**
 * A thinking block of this wire format has one place for a proof and none for
 * its maker. Proofs of other wire formats carry their maker's name in front, so
 * that one which comes back is never shown to Anthropic as its own.
 */
const mark = /^switchyard:([a-z-]+):/

const wires = new Set<string>([
  'openai-chat',
  'gemini',
  'mistral',
  'cohere',
  'bedrock-converse',
  'workers-ai',
  'ollama',
] satisfies Wire[])

export function markProof(proof: string, wire: Wire | undefined): string {
  return wire === undefined || wire === 'anthropic-messages' ? proof : `switchyard:${wire}:${proof}`
}

export function readProof(marked: string): { readonly proof: string; readonly wire: Wire } {
  const found = mark.exec(marked)
  const wire = found?.[1]
  if (found === null || wire === undefined || !wires.has(wire))
    return { proof: marked, wire: 'anthropic-messages' }
  return { proof: marked.slice(found[0].length), wire: wire as Wire }
}
