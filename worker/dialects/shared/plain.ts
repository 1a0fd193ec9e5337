import type { JsonObject, Message, Role } from '../../canonical/request.ts'

/** Readers for bodies so plain that no schema is needed; null or false sends a body to the schema. */

export function isPlainObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A count of tokens that any model may be asked for. */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 1_000_000
}

export function isBetween(value: unknown, low: number, high: number): value is number {
  return typeof value === 'number' && value >= low && value <= high
}

/** Messages of nothing but a role and a text. */
export function plainMessages(value: unknown, roles: ReadonlySet<string>): Message[] | null {
  if (!Array.isArray(value) || value.length === 0) return null
  const messages: Message[] = []
  for (const entry of value as readonly unknown[]) {
    if (!isPlainObject(entry)) return null
    const { role, content } = entry
    if (typeof role !== 'string' || !roles.has(role)) return null
    if (typeof content !== 'string' || content === '') return null
    if (Object.keys(entry).length !== 2) return null
    messages.push({ role: role as Role, content: [{ type: 'text', text: content }] })
  }
  return messages
}
