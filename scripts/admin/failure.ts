/** `refused`: by the gateway. `usage`: the command line. `away`: nobody answered, or with a fault; it may have been done. */
export const exitCodes = { refused: 1, usage: 2, away: 3 } as const

/** What ends a command: a sentence, and a code for scripts. */
export class CommandFailure extends Error {
  readonly exitCode: number

  constructor(kind: keyof typeof exitCodes, message: string) {
    super(message)
    this.exitCode = exitCodes[kind]
  }
}

export function wrongUse(message: string): CommandFailure {
  return new CommandFailure('usage', message)
}
