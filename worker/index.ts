import { createApp } from './app.ts'
import { createIsolate, type Isolate } from './edge/isolate.ts'

let isolate: Isolate | null = null

/** Made at the first request and kept: secrets do not change while an isolate lives. */
function isolateOf(variables: Readonly<Record<string, unknown>>): Isolate {
  isolate ??= createIsolate(variables)
  return isolate
}

export default createApp(isolateOf)
