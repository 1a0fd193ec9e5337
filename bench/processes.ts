import { fork, spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { createServer, connect } from 'node:net'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { existsSync } from 'node:fs'
import type { LoadResult, LoadTask } from './load.ts'

export const root = join(import.meta.dirname, '..')
export const node = process.execPath
export const workerdBinary = join(root, 'node_modules/workerd/bin/workerd')

/** With two cores or more the servers that are measured have the first for themselves, mock and load share the second. */
export const pinned =
  process.platform === 'linux' && availableParallelism() >= 2 && existsSync('/usr/bin/taskset')

const serverCore = '0'
const benchCore = '1'

/** A process that the bench started, and ends. */
export interface Server {
  readonly pid: number
  readonly port: number
  stop(): Promise<void>
}

const children = new Set<ChildProcess>()

/** Ends everything that was started here, at once: for an interrupted run. */
export function killAll(): void {
  for (const child of children) child.kill('SIGKILL')
}

function tracked(child: ChildProcess): ChildProcess {
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      probe.close(() => resolve(port))
    })
  })
}

/** Starts a server on the measured core and waits until it takes connections. Its output goes to `logFile`. */
export async function startServer(
  command: string,
  args: readonly string[],
  port: number,
  logFile: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Server> {
  const log = openSync(logFile, 'a')
  const [program, programArgs] = onCore(serverCore, command, args)
  const child = spawn(program, programArgs, {
    stdio: ['ignore', log, log],
    cwd: root,
    env: { ...process.env, ...environment },
  })
  closeSync(log)
  tracked(child)
  const { pid } = child
  if (pid === undefined) throw new Error(`${command} could not be started`)
  const server = { pid, port, stop: () => stopChild(child) }
  const deadline = performance.now() + 20_000
  while (!(await accepts(port))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      await server.stop()
      throw new Error(`${command} did not start; its output is in ${logFile}`)
    }
    await sleep(50)
  }
  return server
}

export function onCore(core: string, command: string, args: readonly string[]): [string, string[]] {
  return pinned ? ['/usr/bin/taskset', ['-c', core, command, ...args]] : [command, [...args]]
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
  })
  child.kill('SIGKILL')
  await gone
}

/** A script of the bench with an IPC channel, on the other core. */
function forkScript(name: string): ChildProcess {
  const script = join(import.meta.dirname, name)
  if (!pinned) return tracked(fork(script, { execPath: node }))
  const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const
  return tracked(spawn('/usr/bin/taskset', ['-c', benchCore, node, script], { stdio: [...stdio] }))
}

function nextMessage(child: ChildProcess, name: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const gone = () => reject(new Error(`${name} ended`))
    child.once('exit', gone)
    child.once('message', (message) => {
      child.removeListener('exit', gone)
      resolve(message)
    })
  })
}

export async function startUpstream(): Promise<Server> {
  const child = forkScript('upstream.ts')
  const { port } = (await nextMessage(child, 'the mock upstream')) as { port: number }
  return { pid: child.pid ?? 0, port, stop: () => stopChild(child) }
}

export interface LoadGenerator {
  run(task: LoadTask): Promise<LoadResult>
  stop(): Promise<void>
}

export async function startLoad(): Promise<LoadGenerator> {
  const child = forkScript('load.ts')
  await nextMessage(child, 'the load generator')
  return {
    async run(task) {
      child.send(task)
      return (await nextMessage(child, 'the load generator')) as LoadResult
    },
    stop: () => stopChild(child),
  }
}
