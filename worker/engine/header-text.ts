/** Header values are printable ASCII; models name themselves freely. */
export function headerText(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 1000)
}
