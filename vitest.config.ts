import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { Response } from 'miniflare'
import { defineConfig } from 'vitest/config'
import { unstable_readConfig } from 'wrangler'
import { recordAlert } from './test/support/alert-recorder.ts'

interface WorkerConfig {
  readonly compatibility_date: string
  readonly compatibility_flags: string[]
  readonly durable_objects: {
    readonly bindings: readonly { readonly name: string; readonly class_name: string }[]
  }
}

/** Objects are tested as they are deployed, without the warnings of the whole file about secrets that are not there. */
const deployed: WorkerConfig = unstable_readConfig({ config: './wrangler.toml' })

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'node',
          // Node reads it as it is; Vite would only complain of its source maps.
          server: { deps: { external: [/itty-durable/] } },
          include: [
            'test/unit/**/*.test.ts',
            'test/conformance/**/*.test.ts',
            'test/simulation/**/*.test.ts',
          ],
          environment: 'node',
          // Properties over thousands of cases: a busy machine may take several times as long.
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          environment: 'node',
          fileParallelism: false,
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'disconnect',
          include: ['test/disconnect/**/*.test.ts'],
          environment: 'node',
          fileParallelism: false,
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'storm',
          include: ['test/storm/**/*.test.ts'],
          environment: 'node',
          fileParallelism: false,
          testTimeout: 30_000,
          // The storm itself: all of its tests look at the same one.
          hookTimeout: 120_000,
          // It takes the whole machine: after all others.
          sequence: { groupOrder: 1 },
        },
      },
      {
        plugins: [
          cloudflareTest({
            main: './test/workers/worker.ts',
            remoteBindings: false,
            miniflare: {
              compatibilityDate: deployed.compatibility_date,
              compatibilityFlags: deployed.compatibility_flags,
              durableObjects: Object.fromEntries(
                deployed.durable_objects.bindings.map((binding) => [
                  binding.name,
                  { className: binding.class_name, useSQLite: true },
                ]),
              ),
              // Repeats a random run (`LEDGER_SEED`), or makes it longer.
              bindings: {
                LEDGER_SEED: process.env['LEDGER_SEED'] ?? '',
                LEDGER_RUNS: process.env['LEDGER_RUNS'] ?? '',
                RESIDENCY_SEED: process.env['RESIDENCY_SEED'] ?? '',
                RESIDENCY_REQUESTS: process.env['RESIDENCY_REQUESTS'] ?? '',
              },
              outboundService: async (request) => {
                const { status, headers, body } = await recordAlert(request)
                return new Response(status === 204 ? null : body, { status, headers })
              },
            },
          }),
        ],
        test: {
          name: 'workers',
          include: ['test/workers/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // ES modules that name one another without extensions, which only a bundler reads.
          deps: {
            optimizer: {
              ssr: {
                enabled: true,
                include: ['itty-durable/itty-durable.js', 'itty-durable/proxy-durable.js'],
              },
            },
          },
        },
      },
    ],
  },
})
