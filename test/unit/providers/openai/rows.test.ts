import { describe, expect, test } from 'vitest'
import { existsSync } from 'node:fs'
import { compatibleRows } from '../../../../worker/providers/compatible-rows.ts'
import { adapters } from '../../../../worker/providers/index.ts'

/** Rows whose recordings lie in another vendor's folder. */
const folderOf: Readonly<Record<string, string>> = { 'ollama-openai': 'ollama' }

describe('compatibleRows', () => {
  test('have one name each, and none that another adapter has', () => {
    const ids = compatibleRows.map((row) => row.id)
    expect(new Set(ids).size).toBe(ids.length)
    for (const row of compatibleRows)
      expect([...(adapters.get(row.id)?.features ?? [])]).toEqual(
        expect.arrayContaining([...row.features]),
      )
  })

  test.each(compatibleRows.map((row) => [row.id, row] as const))(
    '%s names its page and base URL',
    (_, row) => {
      expect(row.page).toMatch(/^https:\/\//)
      expect(row.readOn).toMatch(/^\d{4}-\d\d-\d\d$/)
      if (row.baseUrl !== undefined)
        expect(row.baseUrl).toMatch(/^(?:https:\/\/[^/]+|http:\/\/localhost:\d+)(?:\/[\w-]+)*$/)
    },
  )

  test.each(compatibleRows.filter((row) => row.verified === 'recorded').map((row) => row.id))(
    '%s, said to be recorded, has a recording',
    (id) => {
      expect(
        existsSync(new URL(`../../../fixtures/providers/${folderOf[id] ?? id}/`, import.meta.url)),
      ).toBe(true)
    },
  )

  test('only OpenAI’s own form may be passed on byte for byte', () => {
    const relayed = [...adapters.values()].filter(
      (adapter) => adapter.wire === 'openai-chat' && adapter.relay,
    )
    expect(relayed.map((adapter) => adapter.id).sort()).toEqual(['openai'])
  })
})
