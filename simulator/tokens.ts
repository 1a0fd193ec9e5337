/** Longest piece that still counts as one token, characters. */
const maxPieceLength = 8
/** Characters of JSON per token. */
const jsonPieceLength = 4

/** Prompt tokens of `text`: four characters each, rounded up. */
export function tokenCount(text: string): number {
  return Math.ceil(text.length / 4)
}

/** Cuts prose into the pieces that a stream carries, one token each; joined they are `text`. */
export function proseTokens(text: string): string[] {
  const words = text.match(/\s*\S+|\s+$/g) ?? []
  return words.flatMap((word) => pieces(word, maxPieceLength))
}

/** Cuts JSON text into pieces of one token each; joined they are `text`. */
export function jsonTokens(text: string): string[] {
  return pieces(text, jsonPieceLength)
}

/** Never cuts inside a surrogate pair. */
function pieces(text: string, length: number): string[] {
  const characters = [...text]
  const cut: string[] = []
  for (let at = 0; at < characters.length; at += length) {
    cut.push(characters.slice(at, at + length).join(''))
  }
  return cut
}
