import { afterEach, describe, expect, it, vi } from 'vitest'
import { parseGuarded } from '../../../worker/engine/json-guard.ts'
import { readBody } from '../../../worker/engine/read-body.ts'

const limits = { maxBodyBytes: 200, maxBodyDepth: 4, maxBodyKeys: 5, maxBodyItems: 6 }

afterEach(() => vi.restoreAllMocks())

function post(body: BodyInit | null, headers: Readonly<Record<string, string>> = {}): Request {
  return new Request('https://gateway.example/', {
    method: 'POST',
    body,
    headers,
    duplex: 'half',
  } as RequestInit)
}

/** A body without a declared length; counts what was taken of it. */
function unsized(pieces: readonly string[]) {
  const taken = { pieces: 0, cancelled: false }
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const piece = pieces[taken.pieces++]
        if (piece === undefined) controller.close()
        else controller.enqueue(new TextEncoder().encode(piece))
      },
      cancel() {
        taken.cancelled = true
      },
    },
    { highWaterMark: 0 },
  )
  return { stream, taken }
}

async function statusOf(request: Request): Promise<number> {
  const read = await readBody(request, limits)
  return read.ok ? 200 : read.error.status
}

describe('parseGuarded()', () => {
  it('reads what is within its caps, exactly', () => {
    for (const text of ['[[[[1]]]]', '{"a":1,"b":2,"c":3,"d":4,"e":5}', '"{{{{{{"', 'null'])
      expect(parseGuarded(text, limits)).toEqual({ ok: true, value: JSON.parse(text) })
  })

  it('refuses one level or one key more, before anything is parsed', () => {
    const parse = vi.spyOn(JSON, 'parse')
    const deep = parseGuarded('[[[[[1]]]]]', limits)
    const wide = parseGuarded('{"a":1,"b":2,"c":3,"d":4,"e":{"f":5}}', limits)
    expect(deep).toEqual({ ok: false, rule: 'the body is nested deeper than 4 levels' })
    expect(wide).toEqual({ ok: false, rule: 'the body has more than 5 keys' })
    expect(parse).not.toHaveBeenCalled()
  })

  it('refuses one item more, whichever list or object it stands in', () => {
    const parse = vi.spyOn(JSON, 'parse')
    expect(parseGuarded('[1,2,3,4,5,6,7]', limits).ok).toBe(true)
    for (const text of ['[1,2,3,4,5,6,7,8]', '{"a":[1,2,3],"b":[1,2,3],"c":[1,2,3]}'])
      expect(parseGuarded(text, limits)).toEqual({
        ok: false,
        rule: 'the body has more than 6 items in its lists and objects',
      })
    expect(parse).toHaveBeenCalledTimes(1)
  })

  it('counts neither brackets nor colons inside strings, however they are escaped', () => {
    for (const inner of [
      '[[[[[[',
      '::::::::',
      ',,,,,,,,,',
      '\\"[[[[[[',
      '\\\\',
      '\\\\\\"{{{{{{',
      '\\u005b',
    ]) {
      const text = `{"a":"${inner}"}`
      expect(parseGuarded(text, limits)).toEqual({ ok: true, value: JSON.parse(text) })
    }
    expect(parseGuarded('{"a":"\\\\","b":[[[[1]]]]}', limits).ok).toBe(false)
  })

  it('refuses __proto__ as a key at any depth and in any spelling, and lets it be a text', () => {
    for (const text of [
      '{"__proto__":{}}',
      '{"a":[{"__proto__":1}]}',
      '{"\\u005f_proto__":1}',
      '{"\\u005F\\u005fproto\\u005f_":1}',
      '{"__\\u0070roto__":1}',
      '{"__p\\u0072oto__":1}',
      '{"__pr\\u006Fto__":1}',
      '{"__pro\\u0074o__":1}',
    ])
      expect(parseGuarded(text, limits)).toMatchObject({ ok: false })
    expect(parseGuarded('{"a":"__proto__"}', limits).ok).toBe(true)
  })

  it('says where JSON is broken and quotes nothing of it', () => {
    for (const text of ['{"a":"my secret" oops}', '{"a": my secret}', '"my secret', 'secret']) {
      const read = parseGuarded(text, limits)
      expect(read.ok).toBe(false)
      expect(JSON.stringify(read)).not.toMatch(/secret|oops/)
    }
    expect(JSON.stringify(parseGuarded('{"a":1 "b"}', limits))).toContain('position 7')
  })

  it('takes time that grows with the length alone', () => {
    const text = `{"a":"${'\\\\'.repeat(500_000)}"}`
    const startMs = performance.now()
    parseGuarded(text, limits)
    expect(performance.now() - startMs).toBeLessThan(2000)
  })
})

describe('readBody()', () => {
  it('refuses a declared length over the cap without reading a byte', async () => {
    const { stream, taken } = unsized(['{}'])
    expect(await statusOf(post(stream, { 'content-length': '201' }))).toBe(413)
    expect(taken.pieces).toBe(0)
  })

  it('stops reading a body without a length as soon as it is too large', async () => {
    const { stream, taken } = unsized(Array.from({ length: 100 }, () => ' '.repeat(90)))
    expect(await statusOf(post(stream))).toBe(413)
    expect(taken.pieces).toBeLessThanOrEqual(4)
    expect(taken.cancelled).toBe(true)
  })

  it('reads a body of exactly the cap', async () => {
    const text = JSON.stringify('x'.repeat(198))
    expect(await statusOf(post(unsized([text]).stream))).toBe(200)
    expect(await statusOf(post(text, { 'content-length': '200' }))).toBe(200)
  })

  it('caps bytes before it looks at the JSON', async () => {
    const parse = vi.spyOn(JSON, 'parse')
    await readBody(post(unsized(['[', '1,'.repeat(150), '1]']).stream), limits)
    expect(parse).not.toHaveBeenCalled()
  })

  it('refuses compressed, empty, broken and cut bodies by name', async () => {
    expect(await statusOf(post('{}', { 'content-encoding': 'gzip' }))).toBe(415)
    expect(await statusOf(post('{}', { 'content-encoding': 'identity' }))).toBe(200)
    expect(await statusOf(post(null))).toBe(400)
    expect(await statusOf(post(Uint8Array.of(0x22, 0xc3, 0x28, 0x22)))).toBe(400)
    const cut = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.error(new Error('cut')),
    })
    expect(await statusOf(post(cut))).toBe(400)
  })
})

describe('readBody() of bytes that are no UTF-8', () => {
  const text = (value: string) => new TextEncoder().encode(JSON.stringify({ a: value }))
  const sized = (bytes: Uint8Array<ArrayBuffer>) =>
    post(bytes, { 'content-length': String(bytes.byteLength) })
  const broken: readonly (readonly [string, readonly number[]])[] = [
    ['a byte that begins nothing', [0xff]],
    ['a byte that only goes on', [0x80]],
    ['a character of two bytes, cut', [0xc3]],
    ['a character of three bytes, cut', [0xe2, 0x82]],
    ['a character of four bytes, cut after two', [0xf0, 0x9f]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['half of a surrogate pair', [0xed, 0xa0, 0x80]],
  ]

  it.each(broken)('refuses it, with and without a declared length: %s', async (_name, bytes) => {
    const whole = new Uint8Array([...text('x').slice(0, 6), ...bytes, 0x22, 0x7d])
    const chunked = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(whole)
        controller.close()
      },
    })
    for (const request of [sized(whole), post(chunked)])
      expect(await readBody(request, limits)).toMatchObject({
        ok: false,
        error: { status: 400, message: 'the body is not valid UTF-8' },
      })
  })

  it('takes a U+FFFD that was sent, beside characters of every length', async () => {
    const value = 'a\uFFFD\u00e9\u20ac\u{1f600}'
    expect(await readBody(sized(text(value)), limits)).toEqual({ ok: true, value: { a: value } })
  })

  it('takes a byte order mark for what it is', async () => {
    const marked = new Uint8Array([0xef, 0xbb, 0xbf, ...text('\uFFFD')])
    expect(await readBody(sized(marked), limits)).toEqual({ ok: true, value: { a: '\uFFFD' } })
  })
})
