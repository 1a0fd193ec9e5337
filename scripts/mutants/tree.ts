import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What the tests need of the repository. */
const copied = [
  'worker',
  'durable-objects',
  'simulator',
  'scripts',
  'test',
  'bench',
  'docs',
  'routes.json',
  'routes.schema.json',
  'package.json',
  'tsconfig.json',
  'tsconfig.node.json',
  'vitest.config.ts',
  'wrangler.toml',
  '.oxlintrc.json',
]

/** A copy of the repository that may be broken; the packages are shared with the original. */
export class Tree {
  readonly folder: string

  constructor(root: string) {
    this.folder = mkdtempSync(join(tmpdir(), 'switchyard-mutants-'))
    for (const name of copied) {
      const from = join(root, name)
      if (existsSync(from)) cpSync(from, join(this.folder, name), { recursive: true })
    }
    symlinkSync(join(root, 'node_modules'), join(this.folder, 'node_modules'), 'dir')
  }

  read(file: string): string {
    return readFileSync(join(this.folder, file), 'utf8')
  }

  /** Runs `work` while `file` holds `text`, and puts the old text back whatever happens. */
  async with<Result>(file: string, text: string, work: () => Promise<Result>): Promise<Result> {
    const path = join(this.folder, file)
    const before = readFileSync(path, 'utf8')
    writeFileSync(path, text)
    try {
      return await work()
    } finally {
      writeFileSync(path, before)
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
