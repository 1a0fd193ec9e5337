import { parseArgs } from 'node:util'

/**
 * `parseArgs` for a script: what the command line breaks is said in one line,
 * not as a stack of calls, and ends the script with code 1.
 */
export const readArguments: typeof parseArgs = (config) => {
  try {
    return parseArgs(config)
  } catch (cause) {
    const rule = cause instanceof Error ? cause.message : String(cause)
    process.stderr.write(`${rule}\n--help lists the options.\n`)
    process.exit(1)
  }
}
