/** Prints a count or a figure that a suite owes its reader, past any capture of the console. */
export function report(line: string): void {
  process.stderr.write(`${line}\n`)
}
