import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import type { Block } from '../../../worker/canonical/blocks.ts'
import { findData, moreCareful, raisedBy } from '../../../worker/policy/data-class.ts'
import { defaultDetectorClasses } from '../../../worker/policy/data-class.ts'
import { DataScan, findings, type Finding } from '../../../worker/policy/data-scan.ts'
import { CountedText } from '../../support/counted-text.ts'
import { chatRequest } from '../../support/fake-host.ts'

// Thousands of cases: a busy machine may take its time.
vi.setConfig({ testTimeout: 60_000 })

function found(...texts: readonly string[]): readonly Finding[] {
  const scan = new DataScan()
  for (const text of texts) scan.readText(text)
  return scan.found
}

/** Key forms are put together here, so that no scanner takes this file for a leak. */
const secret = (...parts: readonly string[]) => parts.join('')
const random = 'aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC2dE3f'

describe('the detectors find', () => {
  it.each<[Finding, string]>([
    ['apiKey', `my key is ${secret('sk', '-proj-', random)}, thanks`],
    ['apiKey', `OPENAI_API_KEY=${secret('sk', '-', random)}`],
    ['apiKey', `{"token":"${secret('gh', 'p_', random.slice(0, 36))}"}`],
    ['apiKey', secret('AK', 'IA', 'Z7Q2M4N6P8R1S3T5')],
    ['apiKey', `AIza${random.slice(0, 35)}`],
    [
      'apiKey',
      `Bearer ${secret('eyJ', 'hbGciOiJIUzI1NiJ9', '.', 'eyJ', 'zdWIiOiIxMjM0In0', '.sig')}`,
    ],
    ['apiKey', '-----BEGIN RSA PRIVATE KEY-----\nMIIE'],
    ['card', 'pay with 4111111111111111 please'],
    ['card', 'card: 5555 5555 5555 4444, exp 12/29'],
    ['card', '3782-822463-10005'],
    ['card', 'order 12 4012 8888 8888 1881'],
    ['card', '6011111111111117'],
    ['account', 'IBAN DE89 3704 0044 0532 0130 00, thanks'],
    ['account', 'GB29NWBK60161331926819'],
    ['account', 'Konto: FR1420041010050500013M02606.'],
    ['email', 'write to anna.schmidt@firma.de please'],
    ['email', '<j+tag@mail.co.uk>'],
    ['phone', 'call +49 30 901820'],
    ['phone', 'tel:+14155552671'],
    ['phone', 'ring 415-555-2671 today'],
    ['phone', 'ring (415) 555-2671 today'],
    ['phone', '(415)555-2671'],
    ['phone', 'tel +49\u00a030\u202f901820'],
    ['card', 'Diners 30569309025904'],
    ['card', 'Diners 3852 000002 3237'],
    ['card', '6445644564456445'],
    ['card', '卡号4111111111111111。'],
    ['account', 'iban de89 3704 0044 0532 0130 00'],
    ['account', 'gb29nwbk60161331926819'],
    ['email', 'jo@münchen.de'],
    ['email', 'jürgen@firma.de'],
    ['email', 'иван@почта.рф'],
    ['email', '“anna@firma.de”'],
    ['apiKey', secret('r8', '_', random)],
    ['apiKey', secret('pplx', '-', random)],
    ['apiKey', secret('SG', '.', random.slice(0, 22), '.', random, 'xyz')],
    ['apiKey', secret('hf', '_', 'abcdefghIJKLMNOPqrstuvwxyzABCDEFGH')],
    ['apiKey', secret('nvapi', '-', random)],
    ['apiKey', secret('tgp', '_v1_', random)],
    ['apiKey', secret('csk', '-', random)],
    ['apiKey', secret('fw', '_', random.slice(0, 24))],
    ['apiKey', secret('ABSK', 'QmVkcm9ja0FQSUtleS1', random)],
    ['health', 'her “chemotherapy”'],
    ['legal', 'the attorney–client privilege'],
    ['health', 'The chemotherapy begins on Monday.'],
    ['health', 'The patient has symptoms of asthma; which medication?'],
    ['health', 'Her medical\nrecord says so'],
    ['health', 'Der Arzt schrieb ein Rezept für das Medikament.'],
    ['legal', 'This is privileged and confidential.'],
    ['legal', 'The plaintiff claims breach of contract.'],
    ['legal', 'INDEMNIFICATION. Each party shall'],
    ['legal', 'Der Kläger verlangt vor Gericht, dass der Vertrag'],
  ])('%s in: %s', (finding, text) => {
    expect(found(text)).toContain(finding)
  })

  it('what is spread over several texts of one request', () => {
    expect(found('The patient', 'has symptoms', 'of asthma')).toEqual(['health'])
  })

  it('nothing in the end of one text and the start of another', () => {
    expect(found('1234 5678 9012', '4002')).toEqual([])
    expect(found('medical', 'record')).toEqual([])
  })

  it('in every kind of text of a request, and nowhere else', () => {
    const email = 'anna@firma.de'
    const blocks: Block[] = [
      { type: 'text', text: email },
      { type: 'toolCall', id: '1', name: 'send', arguments: JSON.stringify({ to: email }) },
      { type: 'toolResult', toolCallId: '1', content: [{ type: 'text', text: email }] },
      { type: 'file', source: { kind: 'text', mediaType: 'text/plain', text: email } },
      { type: 'reasoning', text: email },
      { type: 'refusal', text: email },
      { type: 'media', kind: 'audio', transcript: email },
    ]
    for (const block of blocks)
      expect(findData(chatRequest({ messages: [{ role: 'user', content: [block] }] }))).toEqual([
        'email',
      ])
    const image: Block = { type: 'image', source: { kind: 'url', url: `https://x/${email}` } }
    expect(findData(chatRequest({ messages: [{ role: 'user', content: [image] }] }))).toEqual([])
  })
})

describe('the detectors take for harmless', () => {
  it.each([
    ['a placeholder key', 'export KEY=sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'],
    ['the key of the vendor’s own pages', secret('AK', 'IA', 'IOSFODNN7EXAMPLE')],
    ['a name of a style', '.sk-folding-cube-child-before-element { color: red }'],
    ['a public key', '-----BEGIN PUBLIC KEY-----'],
    ['a digest', 'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'],
    ['a UUID', 'id 123e4567-e89b-12d3-a456-426614174000'],
    ['a number whose check digit is wrong', 'order 4111111111111112'],
    ['a time in milliseconds and microseconds', 'at 1764140247000 or 1764140247000123'],
    [
      'parts of a card number with words between',
      'rows 4111 1111 and 1111 1111 of 5555 5555, 5555 4444',
    ],
    ['a card number over an empty line', '4111 1111\n\n1111 1111'],
    ['a card number with three blanks inside', '4111 1111   1111 1111'],
    ['fourteen digits of no scheme', '30669309025902 and 37520000023238'],
    ['a phrase over two paragraphs', 'the work\n\nProduct of the year'],
    ['the arguments of a call', 'f(200) 300-4000x, g(415) 155-2671, h(415) 555-26711'],
    ['an identifier in hexadecimal', 'trace be0319fa3cbb7d0e and deadbeefdeadbeefdeadbe'],
    ['a mention', 'thanks @jürgen.müller, see a@b'],
    ['a number of no scheme', 'tracking 9400110200881234567893'],
    ['a snowflake', 'https://x.com/status/1727034958234710017'],
    ['a long product number', 'ISBN 978-3-16-148410-0, EAN 4006381333931'],
    ['an account number that does not add up', 'DE89 3704 0044 0532 0130 01'],
    ['a word that begins like one', 'AT11 is a part, and so is NO12345'],
    ['a git remote', 'git@github.com:acme/app.git'],
    ['an address of nobody', 'mail user@example.com, or noreply@shop.de'],
    ['a package', 'npm i @scope/pkg pkg@1.2.3 icon@2x.png'],
    ['a decorator', '@Component class A { @Input() b }'],
    ['a time zone', '2026-11-26T06:57:27+00:00 and UTC+10'],
    ['a sum', 'c++ 2011; 1 + 2 = 3; x+1234567890123'],
    ['a version and a date', '1.800.555, 2026-11-26, 10.0.0.1'],
    ['a part number', '555-0199, 800-555-1234-99'],
    ['a doctor in passing', 'My doctor lives near the hospital. What is the weather?'],
    ['one weak word again and again', 'Be patient: a patient patient waits; be patient.'],
    ['a contract in passing', 'Write a contract test for the court booking app.'],
    ['an ordinary question', 'Summarize the history of the printing press in five bullet points.'],
    ['code', 'for (let i = 0; i < n; i++) { if (a[i] > max) max = a[i] }'],
  ])('%s', (_, text) => {
    expect(found(text)).toEqual([])
  })
})

describe('the detectors', () => {
  it('read any text to its end', () => {
    const unit = fc.constantFrom(...'a1 @+-_.AE\n'.split(''), 'é', '中', 'DE89', 'sk-', '4111')
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 80 }), (parts) => {
        const text = parts.join('')
        expect(found(text).every((finding) => findings.includes(finding))).toBe(true)
        // What is found does not depend on what was read before it, and more text takes nothing away.
        expect(found(text, 'and more')).toEqual(expect.arrayContaining([...found(text)]))
      }),
    )
  })

  it('work in proportion to the text, whatever it is made of', () => {
    const hard = [
      '@',
      'a@',
      'a@a.',
      '+',
      '+1',
      '+1 ',
      '1-',
      '4111 ',
      '4111-',
      '411111111111111 ',
      'DE89 ',
      'DE89',
      'DE893704',
      'sk-',
      'eyJ.',
      'PRIVATE ',
      'a b ',
      'patient ',
      'é ',
      '_',
      '-',
      '4',
      'x',
      ' ',
      'attorney client ',
      'privileged and ',
      '(415) 555-2671',
      '(415',
      'medical  ',
      'münchen@',
      'de89 3704  ',
      '\u00a0',
      '中',
      'SG.aB3dE5gH7jK9mN1pQ2rS4tU.',
    ]
    for (const unit of hard) {
      const readsOf = (length: number) => {
        const text = new CountedText(unit.repeat(Math.ceil(length / unit.length)))
        new DataScan().read(text)
        return text.reads / text.length
      }
      // So much for each character: an address is looked at from both sides, a number for each way to group it.
      expect({ unit, reads: readsOf(2000) <= 60 }).toEqual({ unit, reads: true })
      expect({ unit, grows: readsOf(20_000) <= readsOf(2000) * 1.1 }).toEqual({ unit, grows: true })
    }
  })
})

describe('the class of data', () => {
  it('is raised by what is found and never lowered', () => {
    const raised = (list: readonly Finding[], given: Parameters<typeof raisedBy>[1]) =>
      raisedBy(list, given, defaultDetectorClasses)
    expect(raised([], null)).toBe('internal')
    expect(raised([], 'public')).toBe('public')
    expect(raised(['email'], 'public')).toBe('confidential')
    expect(raised(['email', 'card'], null)).toBe('regulated')
    expect(raised(['email'], 'regulated')).toBe('regulated')
    expect(raisedBy(['email'], null, { ...defaultDetectorClasses, email: null })).toBe('internal')
  })

  it('is the more careful of two', () => {
    expect(moreCareful('public', 'internal')).toBe('internal')
    expect(moreCareful('regulated', 'internal')).toBe('regulated')
    expect(moreCareful(null, 'public')).toBe('public')
    expect(moreCareful(null, null)).toBeNull()
  })
})
