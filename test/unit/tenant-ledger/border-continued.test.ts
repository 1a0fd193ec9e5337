import { describe, expect, it } from 'vitest'
import { readExchange } from '../../../durable-objects/tenant-ledger/border.ts'
import { line } from './support.ts'

function posting(continues: unknown) {
  const statement = { kind: 'post', leaseId: '1.1', line: { ...line(1, 10), continues } }
  return { holder: 'h', statements: [statement], asks: [] }
}

const continues = { from: 'gpt-4.1@openai', because: 'truncated', mode: 'prefill' }

describe('a line of a call that went on with an answer of another', () => {
  it('crosses the border as it was said', () => {
    const posted = posting(continues)
    expect(readExchange(posted)).toEqual(posted)
  })

  it.each([
    ['text', 'continues', 'must be an object'],
    [{ ...continues, from: 7 }, 'continues.from', 'must be a text'],
    [{ ...continues, because: 'x'.repeat(513) }, 'continues.because', 'must be a text'],
    [{ from: 'a@b', because: 'timeout' }, 'continues.mode', 'must be a text'],
  ])('is refused where it is not what it should be: %j', (value, field, rule) => {
    const told = new RegExp(
      `exchange\\.statements\\[0\\]\\.line\\.${field.replace('.', '\\.')} ${rule}`,
    )
    expect(() => readExchange(posting(value))).toThrow(told)
  })
})
