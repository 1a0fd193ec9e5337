import type { Watch } from './deliver.ts'
import type { LoggedRequest } from './request-log.ts'

/**
 * Watches one call and writes what happens to it into its log entry. A caller
 * that hangs up is heard through the request's signal or the body's `cancel`,
 * whichever comes; it counts once. `done` resolves when the call is over.
 */
export function watchCall(
  entry: LoggedRequest,
  signal: AbortSignal,
  now: () => number,
): { readonly watch: Watch; readonly done: Promise<void> } {
  let leave = (): void => {}
  const gone = new Promise<void>((resolve) => {
    leave = resolve
  })
  let end = (): void => {}
  const done = new Promise<void>((resolve) => {
    end = resolve
  })
  const close = (isAborted: boolean): void => {
    if (entry.done) return
    entry.done = true
    entry.aborted = isAborted
    entry.durationMs = now() - entry.timeMs
    end()
  }
  const hungUp = (): void => {
    close(true)
    leave()
  }
  const watch: Watch = {
    gone,
    isGone: () => entry.aborted,
    sent(bytes, tokens) {
      entry.bytesSent += bytes
      entry.billed = { ...entry.billed, output: entry.billed.output + tokens }
    },
    hungUp,
    finished: () => close(false),
  }
  signal.addEventListener('abort', hungUp, { once: true })
  return { watch, done }
}
