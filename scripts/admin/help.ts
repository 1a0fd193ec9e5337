import { type Command, globalOptions, type Option } from './command.ts'
import { exitCodes } from './failure.ts'

/** `tenants put TENANT [options]`. */
function usage({ name, arguments: named, options }: Command): string {
  return [name, ...named, ...(Object.keys(options).length > 0 ? ['[options]'] : [])].join(' ')
}

export function helpOf(command: Command): string {
  const { summary, options, examples } = command
  return [
    `npm run admin -- ${usage(command)}\n\n${summary}\n`,
    optionList(options),
    `everywhere:\n${optionList(globalOptions)}`,
    `examples:\n${examples.map((example) => `  npm run admin -- ${example}\n`).join('')}`,
  ]
    .filter((part) => part !== '')
    .join('\n')
}

export function helpOfAll(commands: readonly Command[]): string {
  const width = Math.max(...commands.map((command) => usage(command).length))
  const lines = commands.map(
    (command) => `  ${usage(command).padEnd(width)}  ${firstSentence(command.summary)}\n`,
  )
  const { refused, usage: wrong, away } = exitCodes
  return `npm run admin -- COMMAND [options]

${lines.join('')}
everywhere:
${optionList(globalOptions)}
The admin key is read from SWITCHYARD_ADMIN_KEY or --key-file, never from the command line.
Exit codes: 0 done, ${refused} refused by the gateway, ${wrong} the command line, ${away} no answer, or a fault there: it may have been done.
"npm run admin -- COMMAND --help" has examples.
`
}

function firstSentence(text: string): string {
  return text.split(/[.;:]/)[0] ?? text
}

function optionList(options: Readonly<Record<string, Option>>): string {
  const names = Object.entries(options).map(([name, { value }]) =>
    value === undefined ? `--${name}` : `--${name} ${value}`,
  )
  const width = Math.max(0, ...names.map((name) => name.length))
  return Object.values(options)
    .map(
      ({ text, multiple }, index) =>
        `  ${(names[index] ?? '').padEnd(width)}  ${text}${multiple === true ? '; may be given again' : ''}\n`,
    )
    .join('')
}
