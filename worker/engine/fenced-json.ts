const fence = '```'

/**
 * A text out of the fence that some models put around the JSON that they were asked for; any other text without the
 * white space around it. By plain comparisons: what a model writes is as long as a caller likes, and a pattern with
 * three parts that match white space takes the cube of it.
 */
export function unfenced(text: string): string {
  const bare = text.trim()
  if (bare.length < 2 * fence.length || !bare.startsWith(fence) || !bare.endsWith(fence))
    return bare
  const inner = bare.slice(fence.length, -fence.length)
  return (inner.startsWith('json') ? inner.slice('json'.length) : inner).trim()
}
