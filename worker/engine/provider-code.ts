/**
 * The code of a provider, as it may be logged: one word of up to 64 letters, digits and `_ . : -`. Whatever else a
 * provider writes there is a text, may quote the prompt, and is told to nobody. Undefined: there is no such word.
 */
export function loggableCode(text: string | undefined): string | undefined {
  return text !== undefined && /^[\w.:-]{1,64}$/.test(text) ? text : undefined
}
