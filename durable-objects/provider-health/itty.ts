import { createDurable } from 'itty-durable/itty-durable.js'

/**
 * The library's base class with the types it does not bring.
 *
 * It answers `fetch()` for calls of `proxyDurable`, loads the fields once before the first call, and stores all
 * public ones as one value when `persist()` is called. Private fields are neither stored nor reached by a call:
 * the library hands out a proxy of itself, and they belong to that.
 */
export interface IttyObject {
  readonly state: DurableObjectState
  fetch(request: Request): Promise<Response>
  /** Once in the life of an object; an alarm does not call it by itself. */
  loadFromStorage(): Promise<void>
  /** After the stored fields are set. */
  onLoad(): Promise<void>
  persist(): Promise<void>
  getAlarm(): Promise<number | null>
  setAlarm(atMs: number): Promise<void>
}

export const IttyObject = createDurable() as unknown as new (
  state: DurableObjectState,
  env: Readonly<Record<string, unknown>>,
) => IttyObject
