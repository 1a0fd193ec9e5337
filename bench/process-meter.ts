import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * CPU time of a process so far, user and system, microseconds: the kernel's own
 * account of every thread (`/proc/PID/task/TID/schedstat`, nanoseconds on the
 * processor). `/proc/PID/stat` counts the same time in steps of 10 ms.
 */
export function cpuMicroseconds(pid: number): number {
  let nanoseconds = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const [onProcessor = '0'] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(
      ' ',
    )
    nanoseconds += Number(onProcessor)
  }
  return nanoseconds / 1000
}

export interface MemoryMiB {
  readonly resident: number
  /** Highest resident size since the last `resetPeak`. */
  readonly peak: number
}

export function memoryMiB(pid: number): MemoryMiB {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kib = (field: string) => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? NaN)
  return { resident: kib('VmRSS') / 1024, peak: kib('VmHWM') / 1024 }
}

/** Makes the peak begin again at what is resident now (proc(5), `clear_refs`, value 5). */
export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

/** Waits until a process has used less than 0.4 ms of CPU in 40 ms, at most `limitMs`. */
export async function untilIdle(pid: number, limitMs = 3000): Promise<void> {
  const deadline = performance.now() + limitMs
  let before = cpuMicroseconds(pid)
  while (performance.now() < deadline) {
    await sleep(40)
    const now = cpuMicroseconds(pid)
    if (now - before < 400) return
    before = now
  }
}

export function loadAverage(): string {
  return readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 3).join(' ')
}
