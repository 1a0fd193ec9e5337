import type { Block } from '../canonical/blocks.ts'
import { type Departures, withoutProof } from './departures.ts'

/** Notes what becomes of thoughts on a wire that carries their text, and has no place for the proof of who thought them. */
export function noteProofs(blocks: readonly Block[], departures: Departures): void {
  for (const block of blocks) {
    if (block.type === 'toolCall' && block.signature !== undefined) departures.leave('thoughts')
    if (block.type !== 'reasoning' || (block.signature ?? block.redacted) === undefined) continue
    if (block.text === '') departures.leave('thoughts')
    else departures.change('thoughts', withoutProof)
  }
}
