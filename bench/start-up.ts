import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, root, startServer, workerdBinary } from './processes.ts'
import { cpuMicroseconds, untilIdle } from './process-meter.ts'
import type { StartUp } from './results.ts'
import { buildSwitchyard, bundleSize, makeKey, runWrangler } from './switchyard-build.ts'
import { gatewayObjects } from './targets.ts'
import { readCompatibility, workerdConfig } from '../scripts/workerd-config.ts'

/** Size of the bundle and CPU of its start, with the `routes.json` that is deployed. */
export async function measureStartUp(
  directory: string,
  runs: number,
  say: (line: string) => void,
): Promise<StartUp> {
  mkdirSync(directory, { recursive: true })
  const script = buildSwitchyard(join(directory, 'deployed'), null)
  const { bytes, gzipBytes } = bundleSize(script)
  const cpuMs: number[] = []
  const processMs: number[] = []
  for (let run = 0; run < runs; run++) {
    say(`start-up, run ${run + 1} of ${runs}`)
    cpuMs.push(profiledMs(join(directory, 'startup.cpuprofile')))
    const empty = join(root, 'bench/servers/passthrough-worker.js')
    processMs.push(
      (await workerdStartMs(script, directory)) - (await workerdStartMs(empty, directory)),
    )
  }
  return { cpuMs, processMs, bundleBytes: bytes, gzipBytes }
}

/** What `wrangler check startup` calls active: sampled time that was not idle, collection included. */
function profiledMs(outfile: string): number {
  const printed = runWrangler(['check', 'startup', '--outfile', outfile])
  const active = /Active: *([\d.]+) *ms/.exec(printed)?.[1]
  if (active === undefined) throw new Error(`wrangler check startup printed no figure:\n${printed}`)
  return Number(active)
}

/** CPU of a whole `workerd serve` from its start until it is idle and takes connections. */
async function workerdStartMs(script: string, directory: string): Promise<number> {
  const port = await freePort()
  const config = join(directory, 'start-up.capnp')
  const { variables } = makeKey()
  const compatibility = readCompatibility(join(root, 'wrangler.toml'))
  const worker = { script, port, bindings: variables, objects: gatewayObjects }
  writeFileSync(config, workerdConfig(config, [worker], compatibility))
  const log = join(directory, 'start-up.log')
  const server = await startServer(workerdBinary, ['serve', config], port, log)
  try {
    await untilIdle(server.pid)
    return cpuMicroseconds(server.pid) / 1000
  } finally {
    await server.stop()
  }
}
