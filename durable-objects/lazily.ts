/**
 * Makes something when it is first asked for, and keeps it. For schemas that few isolates ever read with: what is made
 * while a module loads is paid by every start.
 */
export function lazily<Thing>(make: () => Thing): () => Thing {
  let made: Thing | undefined
  return () => (made ??= make())
}
