/** Header values are printable ASCII; models name themselves freely. */
export function headerText(text: string): string {
  const isPlain = text.length <= 1000 && !/[^\x20-\x7e]/.test(text)
  return isPlain ? text : text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 1000)
}
