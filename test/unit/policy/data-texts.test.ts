import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import type { Block } from '../../../worker/canonical/blocks.ts'
import type { CanonicalRequest } from '../../../worker/canonical/request.ts'
import { anthropicMessages } from '../../../worker/dialects/anthropic-messages/index.ts'
import { openAiChat } from '../../../worker/dialects/openai-chat/index.ts'
import { findData } from '../../../worker/policy/data-class.ts'
import { behindBackslashes, unescaped } from '../../../worker/policy/data-escapes.ts'
import { DataScan, type Finding } from '../../../worker/policy/data-scan.ts'
import { deepestLevel, ValueReader } from '../../../worker/policy/data-values.ts'
import { chatRequest } from '../../support/fake-host.ts'

// Thousands of cases: a busy machine may take its time.
vi.setConfig({ testTimeout: 60_000 })

const card = '4111 1111 1111 1111'
const email = 'anna@firma.de'

function found(...texts: readonly string[]): readonly Finding[] {
  const scan = new DataScan()
  for (const text of texts) scan.readText(text)
  return scan.found
}

function foundIn(...content: readonly Block[]): readonly Finding[] {
  return findData(chatRequest({ messages: [{ role: 'user', content }] }))
}

function texts(...parts: readonly string[]): Block[] {
  return parts.map((text) => ({ type: 'text', text }))
}

const separators = [
  ' ',
  '  ',
  '\t',
  '\u00A0',
  '\u202F',
  '\u2009',
  '-',
  '\u2011',
  '\n',
  '\r\n',
  ' -',
]

/** What is known in parts, with the parts as they may be set apart. */
const inParts: readonly (readonly [Finding, readonly string[]])[] = [
  ['card', ['4111', '1111', '1111', '1111']],
  ['card', ['3782', '822463', '10005']],
  ['card', ['3056', '930902', '5904']],
  ['account', ['DE89', '3704', '0044', '0532', '0130', '00']],
  ['account', ['gb29', 'nwbk', '6016', '1331', '9268', '19']],
  ['health', ['medical', 'record']],
  ['legal', ['power', 'of', 'attorney']],
]

const samples: readonly (readonly [Finding, string])[] = [
  ...inParts.map(([finding, parts]) => [finding, parts.join(' ')] as const),
  ['email', email],
  ['email', 'jo@münchen.de'],
  ['phone', '+49 30 901820'],
  ['phone', '(415) 555-2671'],
  ['apiKey', ['sk', '-proj-aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1'].join('')],
  ['apiKey', ['np', 'm_aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC2dE3f'].join('')],
  ['health', 'a dossier médical'],
]

/** Characters around what is to be found that take nothing away from it. */
const before = fc.constantFrom('', '\n', '\t', ' ', '"', ': ', '(', '\r\n', 'note:\n')
const after = fc.constantFrom('', '\n', '\t', ' ', '"', '.', ')', '\r\nnote', '\n\n12')

/** As Python and others write JSON: all that is no ASCII is escaped. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u0080-\uFFFF]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

describe('what is to be found', () => {
  it('is found whatever of the allowed separators its parts are set apart by', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...inParts),
        fc.array(fc.constantFrom(...separators), { minLength: 5, maxLength: 5 }),
        ([finding, parts], between) => {
          const text = parts.map((part, index) => (index === 0 ? '' : between[index - 1]) + part)
          expect(found(`x: ${text.join('')}.`)).toContain(finding)
        },
      ),
    )
  })

  it('is found as well inside JSON, however often it was put into it', () => {
    const writers = fc.array(fc.constantFrom(JSON.stringify, asciiJson), {
      minLength: 1,
      maxLength: 3,
    })
    fc.assert(
      fc.property(
        fc.constantFrom(...samples),
        fc.constantFrom(...separators),
        before,
        after,
        writers,
        ([finding, sample], blank, start, end, write) => {
          const item = finding === 'phone' ? sample : sample.replaceAll(' ', blank)
          const bare = start + item + end
          let text = bare
          for (const one of write) text = one({ a: text })
          expect(found(bare)).toContain(finding)
          expect(found(text)).toContain(finding)
          // As a piece of a text that is no JSON itself, too.
          expect(found(`see ${text}`)).toContain(finding)
        },
      ),
    )
  })

  it('is found behind a backslash that is no escape', () => {
    const key = ['np', 'm_aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC2dE3f'].join('')
    expect(found(`C:\\${key}`)).toEqual(['apiKey'])
    expect(found(String.raw`\tumor \biopsy`)).toEqual(['health'])
    const path = `C:\\${'new folder '.repeat(50)}\\`
    expect(found(`${path}${key} ${path.repeat(3)}`)).toEqual(['apiKey'])
  })

  it('is found whatever was read before it, in the same request or in another', () => {
    const some = fc.shuffledSubarray([
      ...samples.map(([, text]) => text),
      'order 12 of 4111',
      '1 @',
    ])
    fc.assert(
      fc.property(some, some, (one, other) => {
        const alone = one.map((text) => found(text))
        found(...other)
        expect(one.map((text) => found(text))).toEqual(alone)
        expect(found(...one)).toEqual(found(...one.toReversed()))
        for (const list of alone) expect(found(...one)).toEqual(expect.arrayContaining([...list]))
      }),
    )
  })
})

describe('an escape', () => {
  it.each([
    [String.raw`a\nb\tc\"d\/e`, 'a\nb\tc"d/e'],
    [String.raw`a\\nb\\\\nc`, 'a\nb\nc'],
    [String.raw`m\u00fcnchen\u0020\u00E9`, 'münchen é'],
    [String.raw`\u00g1 \d \x \u12`, String.raw`\u00g1 \d \x \u12`],
    ['\\', '\\'],
    ['none', 'none'],
  ])('%s', (text, meant) => {
    expect(unescaped(text)).toBe(meant)
  })

  it('costs as much for each character, whatever the text is made of', () => {
    // Long enough that the square of its length would take minutes.
    for (const unit of ['\\', '\\\\x', '\\u', '\\n', '\\u00', '\\ta']) {
      const text = unit.repeat(400_000)
      expect(unescaped(text).length).toBeGreaterThan(0)
      expect(behindBackslashes(text).length).toBeLessThan(text.length * 1.1)
    }
  })
})

describe('text parts beside one another', () => {
  it('are one text, put together with a blank or with nothing', () => {
    expect(foundIn(...texts('4111 1111 ', '1111 1111'))).toEqual(['card'])
    expect(foundIn(...texts('4111 1111', '1111 1111'))).toEqual(['card'])
    expect(foundIn(...texts('41', '11 1111 1', '111 1111'))).toEqual(['card'])
    expect(foundIn(...texts('write to anna@fir', 'ma.de'))).toEqual(['email'])
    expect(foundIn(...texts('my medical', 'record'))).toEqual(['health'])
  })

  it('are one text at their ends, too, where they are long', () => {
    const long = 'Nothing to see here. '.repeat(100)
    expect(foundIn(...texts(`${long}anna@fir`, `ma.de ${long}`))).toEqual(['email'])
    expect(foundIn(...texts(`${long}4111 1111 1`, `111 1111 ${long}`))).toEqual(['card'])
    // A longer number is not cut to one that is found.
    const digits = [`${'a '.repeat(56)}4111111111111111${'7'.repeat(300)}`]
    digits.push(`${'7'.repeat(300)}4111111111111111${' a'.repeat(56)}`)
    for (const text of digits) expect(foundIn(...texts(text, 'x', text))).toEqual([])
  })

  it('are two texts with something between them', () => {
    const image: Block = { type: 'image', source: { kind: 'url', url: 'https://x/y.png' } }
    expect(foundIn(...texts('4111 1111 '), image, ...texts('1111 1111'))).toEqual([])
    const [one, other] = [texts('4111 1111 '), texts('1111 1111')]
    const messages = [one, other].map((content) => ({ role: 'user' as const, content }))
    expect(findData(chatRequest({ messages }))).toEqual([])
  })

  it('are one text in the result of a tool', () => {
    const content = texts('4111 1111 ', '1111 1111')
    expect(foundIn({ type: 'toolResult', toolCallId: '1', content })).toEqual(['card'])
  })
})

describe('in a request are read', () => {
  it.each<[string, Partial<CanonicalRequest>]>([
    ['a tool’s description', { tools: [{ kind: 'function', name: 'f', description: email }] }],
    [
      'a tool’s schema',
      { tools: [{ kind: 'function', name: 'f', parameters: { a: { default: email } } }] },
    ],
    [
      'what only one format knows of a tool',
      {
        tools: [
          {
            kind: 'function',
            name: 'f',
            extensions: { wire: 'anthropic-messages', value: { input_examples: [{ to: email }] } },
          },
        ],
      },
    ],
    [
      'a tool of the provider’s own',
      { tools: [{ kind: 'native', name: 'x', raw: { wire: 'gemini', value: { note: email } } }] },
    ],
    [
      'the description of an answer’s schema',
      { responseFormat: { type: 'jsonSchema', name: 'x', schema: {}, description: email } },
    ],
    [
      'a choice in it',
      { responseFormat: { type: 'jsonSchema', name: 'x', schema: { a: { enum: [email] } } } },
    ],
    [
      'the name of a member',
      { responseFormat: { type: 'jsonSchema', name: 'x', schema: { [email]: {} } } },
    ],
    ['the end user', { userId: email }],
    ['metadata', { metadata: { owner: email } }],
    ['where to stop', { stop: [email] }],
    ['the key of the prompt cache', { promptCacheKey: email }],
    ['fields of one format', { extensions: { gemini: { labels: { owner: email } } } }],
    ['the name of a participant', { messages: [{ role: 'user', name: email, content: [] }] }],
  ])('%s', (_, parts) => {
    expect(findData(chatRequest(parts))).toEqual(['email'])
  })

  it('the title and the context of a document, its blocks, and results of a search', () => {
    const document = {
      type: 'document',
      source: { type: 'text', media_type: 'text/plain', data: 'x' },
    }
    const blocks = [
      { ...document, title: email },
      { ...document, context: email },
      { type: 'document', source: { type: 'content', content: [{ type: 'text', text: email }] } },
      { type: 'search_result', source: 'x', title: 't', content: [{ type: 'text', text: email }] },
      { type: 'text', text: 'x', citations: [{ type: 'char_location', cited_text: email }] },
    ]
    for (const block of blocks) {
      const messages = [{ role: 'user', content: [block, { type: 'text', text: 'x' }] }]
      const parsed = anthropicMessages.parse({ model: 'x', max_tokens: 10, messages })
      if (!parsed.ok) throw new Error(JSON.stringify(parsed))
      expect({ block, found: findData(parsed.value) }).toEqual({ block, found: ['email'] })
    }
  })

  it('the arguments of a call behind a line’s end', () => {
    const call = { name: 'f', arguments: JSON.stringify({ a: `Card:\n${card}` }) }
    const parsed = openAiChat.parse({
      model: 'x',
      messages: [
        { role: 'user', content: 'x' },
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'c', type: 'function', function: call }],
        },
        { role: 'tool', tool_call_id: 'c', content: 'ok' },
      ],
    })
    if (!parsed.ok) throw new Error(JSON.stringify(parsed))
    expect(findData(parsed.value)).toEqual(['card'])
  })

  it('a card that is a number, and no medium', () => {
    const opaque = (value: unknown): Block => ({ type: 'opaque', raw: { wire: 'gemini', value } })
    expect(foundIn(opaque({ number: 4111111111111111 }))).toEqual(['card'])
    const source = { type: 'base64', media_type: 'image/png', data: email }
    expect(foundIn(opaque({ type: 'image', source }))).toEqual([])
  })
})

describe('what is too deep or too large', () => {
  const nested = (levels: number): unknown => {
    let value: unknown = email
    for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value }
    return value
  }

  it('is unread, and as careful as can be', () => {
    const read = (value: unknown, most?: number) => {
      const scan = new DataScan()
      new ValueReader(scan, most).read(value)
      return scan.found
    }
    expect(read(nested(deepestLevel))).toEqual(['email'])
    expect(read(nested(deepestLevel + 1))).toEqual(['unread'])
    expect(read(nested(20_000))).toEqual(['unread'])
    expect(read(['a', 'b', email], 3)).toEqual(['email'])
    expect(read(['a', 'b', 'c', email], 3)).toEqual(['unread'])
    expect(read({ a: 1, b: 2, c: email }, 2)).toEqual(['unread'])
  })
})
