import type { AdminClient } from './client.ts'

export interface Option {
  readonly type: 'string' | 'boolean'
  readonly multiple?: true
  /** What stands for its value in the help; none for a switch. */
  readonly value?: string
  readonly text: string
}

export type Values = Readonly<
  Record<string, string | boolean | readonly (string | boolean)[] | undefined>
>

/** What was given, by name. */
export class Input {
  readonly #arguments: Readonly<Record<string, string>>
  readonly #values: Values

  constructor(named: Readonly<Record<string, string>>, values: Values) {
    this.#arguments = named
    this.#values = values
  }

  argument(name: string): string {
    return this.#arguments[name] ?? ''
  }

  text(name: string): string | undefined {
    const value = this.#values[name]
    return typeof value === 'string' ? value : undefined
  }

  list(name: string): readonly string[] {
    const value = this.#values[name]
    return Array.isArray(value) ? (value as readonly string[]) : []
  }

  flag(name: string): boolean {
    return this.#values[name] === true
  }
}

export interface Printed {
  /** With `--json`. */
  readonly json: unknown
  /** Without. */
  readonly text: string
  /** What is said beside, on stderr: never a part of the answer. */
  readonly note?: string
}

export interface Command {
  /** `tenants put`. */
  readonly name: string
  /** Positional, all of them needed. */
  readonly arguments: readonly string[]
  readonly summary: string
  readonly options: Readonly<Record<string, Option>>
  /** Behind `npm run admin --`; the docs' tests run them. */
  readonly examples: readonly string[]
  run(input: Input, client: AdminClient): Promise<Printed>
}

export const globalOptions: Readonly<Record<string, Option>> = {
  url: {
    type: 'string',
    value: 'URL',
    text: 'the gateway (SWITCHYARD_URL, or http://127.0.0.1:8787)',
  },
  'key-file': {
    type: 'string',
    value: 'FILE',
    text: 'holds the admin key, instead of SWITCHYARD_ADMIN_KEY',
  },
  'idempotency-key': {
    type: 'string',
    value: 'TEXT',
    text: 'sends the same write again; one is drawn when it is left out',
  },
  json: { type: 'boolean', text: 'prints the answer as JSON' },
  help: { type: 'boolean', text: 'this text' },
}
