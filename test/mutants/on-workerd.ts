import type { Mutant } from './mutant.ts'

const disconnect = ['test/disconnect/disconnect.test.ts'] as const
const failover = ['test/e2e/failover.test.ts'] as const

/** What only a real runtime shows: clients that leave, and work behind the response. */
export const workerdMutants: readonly Mutant[] = [
  {
    id: 'workerd-whole-answer-goes-on',
    invariant: 'S10 liveness',
    file: 'worker/edge/edge-ports.ts',
    find: 'return AbortSignal.any([this.#signal, AbortSignal.timeout(limitMs)])',
    replace: 'return AbortSignal.timeout(limitMs)',
    killedBy: disconnect,
    why: 'A client that leaves an unstreamed request keeps the provider generating.',
    slow: true,
  },
  {
    id: 'workerd-client-not-heard',
    invariant: 'S10 liveness',
    file: 'worker/edge/edge-ports.ts',
    find: "else signal.addEventListener('abort', () => gone.happened())",
    replace: '',
    killedBy: disconnect,
    why: 'A client that leaves before the first token keeps the provider generating.',
    slow: true,
  },
  {
    id: 'workerd-answer-not-waited-for',
    invariant: 'once',
    file: 'worker/app.ts',
    find: "clientGone.addEventListener('abort', stay)",
    replace: '',
    killedBy: disconnect,
    why: 'The runtime ends the work of a request whose client has left, before its record is written.',
    slow: true,
  },
  {
    id: 'workerd-work-not-kept',
    invariant: 'once',
    file: 'worker/engine/answer-stream.ts',
    find: 'ports.waitUntil(guarded(work, exchange, writable))',
    replace: 'void guarded(work, exchange, writable)',
    killedBy: disconnect,
    why: 'The runtime ends the work with the client, and the request is never settled.',
    slow: true,
  },
  {
    id: 'workerd-no-fallback',
    invariant: 'S4 commit',
    file: 'worker/engine/retry-rules.ts',
    find: "case 'yes':\n    case 'preferred':\n      return rest",
    replace: "case 'yes':\n    case 'preferred':\n      return []",
    killedBy: failover,
    why: 'The first provider that fails fails the request.',
    slow: true,
  },
]
