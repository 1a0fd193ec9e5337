import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { root } from '../../scripts/local-gateway.ts'

/** A command of a page's `sh` block and the `json` block behind it, where there is one. */
export interface DocCommand {
  readonly words: readonly string[]
  /** `NAME=$(...)`: what it printed is kept under this name. */
  readonly into: string | null
  readonly expected: unknown
  /** As it stands on the page. */
  readonly text: string
}

export interface DocResult {
  readonly status: number
  readonly text: string
  /** Exit code of a script; 0 for a call. */
  readonly exitCode: number
  readonly stderr: string
}

const blocks = /^```(sh|json)\n([^]*?)^```$/gm

/** Commands in the order of the page. A `json` block belongs to the last command of the block before it. */
export function commandsOf(page: string): DocCommand[] {
  const commands: { -readonly [Name in keyof DocCommand]: DocCommand[Name] }[] = []
  for (const [, kind, text = ''] of page.matchAll(blocks)) {
    const last = commands.at(-1)
    if (kind === 'sh') commands.push(...linesOf(text).map(commandOf))
    else if (last !== undefined) last.expected = JSON.parse(text)
  }
  return commands
}

function commandOf(text: string): DocCommand {
  const [, into, inner] = /^([A-Z_]+)=\$\(([^]*)\)$/.exec(text) ?? []
  return { words: wordsOf(inner ?? text), into: into ?? null, expected: null, text }
}

/** Commands end at a line's end outside of quotes. */
function linesOf(text: string): string[] {
  const lines: string[] = []
  let open = ''
  for (const line of text.split('\n')) {
    open = open === '' ? line : `${open}\n${line}`
    if ((open.match(/'/g) ?? []).length % 2 === 1) continue
    if (open.trim() !== '') lines.push(open.trim())
    open = ''
  }
  return lines
}

const wordForm = /(?:'[^']*'|"[^"]*"|[^\s'"])+/g

/** As a shell cuts them, as far as the page goes: quotes, and a comment at the end. Variables are still in. */
function wordsOf(text: string): string[] {
  const words = text.match(wordForm) ?? []
  const comment = words.findIndex((word) => word.startsWith('#'))
  const own = comment === -1 ? words : words.slice(0, comment)
  const or = own.indexOf('||')
  return or === -1 ? [...own] : own.slice(0, or)
}

type Variables = Readonly<Record<string, string>>

/** Takes the quotes off; in single ones a `$` is a `$`. */
function filled(word: string, variables: Variables): string {
  return word.replaceAll(/'([^']*)'|"([^"]*)"|\$([A-Z_]+)/g, (_all, single, double, name) => {
    if (single !== undefined) return String(single)
    if (name !== undefined) return variables[String(name)] ?? ''
    return String(double).replaceAll(
      /\$([A-Z_]+)/g,
      (_part, inner) => variables[String(inner)] ?? '',
    )
  })
}

export async function runCommand(
  { words }: DocCommand,
  variables: Variables,
  directory: string,
): Promise<DocResult> {
  const [program, ...rest] = words.map((word) => filled(word, variables))
  switch (program) {
    case 'curl':
      return curl(rest)
    case 'npm':
      return script(rest, variables, directory)
    case 'export':
      return { status: 200, text: '', exitCode: 0, stderr: '' }
    default:
      throw new Error(`the page runs ${program}, which this test does not know`)
  }
}

/** As much of curl as the page uses. */
async function curl(words: readonly string[]): Promise<DocResult> {
  const headers = new Headers()
  let [method, url, body] = ['', '', undefined as string | undefined]
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    if (!word.startsWith('-')) {
      url = word
      continue
    }
    at += 1
    const value = words[at] ?? ''
    if (word === '-X') method = value
    else if (word === '-d') body = value
    else if (word === '-H') headers.append(...(value.split(/: */, 2) as [string, string]))
    else if (word !== '-o') throw new Error(`the page calls curl ${word}`)
  }
  const response = await fetch(url, {
    method: method === '' ? (body === undefined ? 'GET' : 'POST') : method,
    headers,
    ...(body === undefined ? {} : { body }),
  })
  return { status: response.status, text: await response.text(), exitCode: 0, stderr: '' }
}

/** `npm run [-s] admin -- WORDS`, without npm. */
export function script(
  words: readonly string[],
  variables: Variables,
  directory: string,
): Promise<DocResult> {
  const own = words.slice(words.indexOf('--') + 1)
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(root, 'scripts/admin.ts'), ...own],
      { cwd: directory, env: { ...process.env, ...variables } },
      (fault, stdout, stderr) => {
        const exitCode = fault === null ? 0 : Number(fault.code ?? 1)
        resolve({ status: 200, text: stdout, exitCode, stderr })
      },
    )
  })
}

/** `"..."` is any text; objects may have more than the page shows, lists not. */
export function isShown(shown: unknown, real: unknown): boolean {
  if (shown === '...') return typeof real === 'string' && real !== ''
  if (typeof shown !== 'object' || shown === null) return shown === real
  if (typeof real !== 'object' || real === null) return false
  if (Array.isArray(shown))
    return (
      Array.isArray(real) &&
      shown.length === real.length &&
      shown.every((one, index) => isShown(one, real[index]))
    )
  return Object.entries(shown).every(([name, value]) =>
    isShown(value, (real as Record<string, unknown>)[name]),
  )
}
