import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Resident memory of a process, MiB. */
export function residentMiB(pid: number): number {
  if (process.platform === 'linux') {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024
  }
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1024
}

/** CPU time of a process so far, user and system, ms; null where the system does not tell. */
export function cpuMs(pid: number): number | null {
  if (process.platform !== 'linux') return null
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  // utime and stime in ticks of 10 ms (proc(5), fields 14 and 15).
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** Watches the largest resident memory while `work` runs, MiB above what it was before. */
export async function peakGrowthMiB(pid: number, work: () => Promise<unknown>): Promise<number> {
  const before = residentMiB(pid)
  let peak = before
  const timer = setInterval(() => {
    peak = Math.max(peak, residentMiB(pid))
  }, 10)
  try {
    await work()
  } finally {
    clearInterval(timer)
  }
  return Math.max(peak, residentMiB(pid)) - before
}
