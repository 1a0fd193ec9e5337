/** Messages of an SSE stream, read by the rules of the standard and nothing else. */
export function sseMessages(stream: string): { event: string; data: string }[] {
  const lined = stream.replaceAll(/\r\n?/g, '\n')
  return lined.split('\n\n').flatMap((part) => {
    const lines = part.split('\n').filter((line) => line !== '' && !line.startsWith(':'))
    if (lines.length === 0) return []
    const field = (name: string) =>
      lines.flatMap((line) => (line.startsWith(`${name}: `) ? [line.slice(name.length + 2)] : []))
    return [{ event: field('event').join(), data: field('data').join('\n') }]
  })
}
