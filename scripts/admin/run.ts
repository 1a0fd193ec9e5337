import { readFileSync, statSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { budgetCommands } from './budgets.ts'
import { circuitCommands } from './circuits.ts'
import { AdminClient } from './client.ts'
import { type Command, globalOptions, Input, type Printed, type Values } from './command.ts'
import { wrongUse } from './failure.ts'
import { helpOf, helpOfAll } from './help.ts'
import { keyCommands } from './keys.ts'
import { ledgerCommands } from './ledger.ts'
import { recoveryCommands } from './recovery.ts'
import { tenantCommands } from './tenants.ts'

export const commands: readonly Command[] = [
  ...tenantCommands,
  ...budgetCommands,
  ...keyCommands,
  ...ledgerCommands,
  ...recoveryCommands,
  ...circuitCommands,
]

export interface Environment {
  readonly SWITCHYARD_URL?: string | undefined
  readonly SWITCHYARD_ADMIN_KEY?: string | undefined
}

/** What goes to stdout and stderr. Throws a `CommandFailure`. */
export interface Output {
  readonly text: string
  readonly note: string
}

export async function runAdmin(
  words: readonly string[],
  environment: Environment,
): Promise<Output> {
  refuseKeys(words)
  const command = commandOf(words)
  if (command === null) {
    const isAsked = words.length === 0 || words.includes('--help')
    if (isAsked) return { text: helpOfAll(commands), note: '' }
    throw wrongUse(`there is no command "${words.slice(0, 2).join(' ')}"; --help lists them`)
  }
  const { values, positionals } = parsed(command, words.slice(command.name.split(' ').length))
  if (values['help'] === true) return { text: helpOf(command), note: '' }
  const input = new Input(named(command, positionals), values)
  const client = new AdminClient(
    input.text('url') ?? environment.SWITCHYARD_URL ?? 'http://127.0.0.1:8787',
    keyOf(input, environment),
    input.text('idempotency-key'),
  )
  const { text, note } = printed(await command.run(input, client), input.flag('json'))
  const warnings = [...client.warnings].map((warning) => `warning: ${warning}\n`)
  return { text, note: warnings.join('') + note }
}

function printed({ json, text, note = '' }: Printed, asJson: boolean): Output {
  return { text: asJson ? `${JSON.stringify(json, null, 2)}\n` : text, note }
}

/** The list of processes and the history of a shell are read by others. */
function refuseKeys(words: readonly string[]): void {
  if (words.some((word) => /sk-sy-admin-[0-9A-Za-z]{8}-/.test(word)))
    throw wrongUse(
      'an admin key does not go on the command line, where others see it: replace this one, and use SWITCHYARD_ADMIN_KEY or --key-file',
    )
}

function commandOf(words: readonly string[]): Command | null {
  return (
    commands.find(({ name }) => name.split(' ').every((word, index) => words[index] === word)) ??
    null
  )
}

function parsed(
  { name, options }: Command,
  words: readonly string[],
): { readonly values: Values; readonly positionals: readonly string[] } {
  const config = Object.entries({ ...options, ...globalOptions }).map(
    ([option, { type, multiple = false }]) => [option, { type, multiple }] as const,
  )
  try {
    return parseArgs({
      args: [...words],
      options: Object.fromEntries(config),
      allowPositionals: true,
    })
  } catch (cause) {
    const rule = cause instanceof Error ? cause.message : String(cause)
    throw wrongUse(`${rule}\n"npm run admin -- ${name} --help" lists the options.`)
  }
}

function named(command: Command, positionals: readonly string[]): Record<string, string> {
  const { name, arguments: names } = command
  if (positionals.length !== names.length || positionals.includes(''))
    throw wrongUse(
      `${name} takes ${names.length === 0 ? 'nothing beside its options' : names.join(' and ')} (found ${positionals.length})`,
    )
  return Object.fromEntries(names.map((each, index) => [each, positionals[index] ?? '']))
}

function keyOf(input: Input, { SWITCHYARD_ADMIN_KEY }: Environment): string {
  const file = input.text('key-file')
  const key = (file === undefined ? (SWITCHYARD_ADMIN_KEY ?? '') : keyIn(file)).trim()
  if (key === '') throw wrongUse('no admin key: set SWITCHYARD_ADMIN_KEY, or give --key-file FILE')
  if (!/^[\x21-\x7e]+$/.test(key)) throw wrongUse('the admin key is not one word')
  return key
}

function keyIn(file: string): string {
  try {
    const isOpen = process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0
    if (isOpen) throw wrongUse(`${file} can be read by others: chmod 600 ${file}`)
    return readFileSync(file, 'utf8')
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause)) throw cause
    throw wrongUse(`${file} cannot be read: ${String(cause.code)}`)
  }
}
