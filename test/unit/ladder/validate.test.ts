import { describe, expect, it } from 'vitest'
import type { CanonicalEvent, FinishReason } from '../../../worker/canonical/events.ts'
import { errorPhrases } from '../../../worker/engine/error-phrases.ts'
import { isErrorText } from '../../../worker/engine/error-text.ts'
import { validate } from '../../../worker/engine/validate.ts'
import { chatRequest } from '../../support/fake-host.ts'

const schema = { type: 'object', required: ['city'], properties: { city: { type: 'string' } } }
const asksForCity = chatRequest({ responseFormat: { type: 'jsonSchema', name: 'city', schema } })

function answer(text: string, reason: FinishReason = 'stop'): CanonicalEvent[] {
  return [
    { type: 'start' },
    { type: 'text', choice: 0, text },
    { type: 'finish', choices: [{ choice: 0, reason }] },
  ]
}

const call: CanonicalEvent[] = [
  { type: 'toolCallStart', choice: 0, index: 0, id: 'c1', name: 'f' },
  { type: 'toolCallArguments', choice: 0, index: 0, text: '{}' },
  { type: 'finish', choices: [{ choice: 0, reason: 'toolCalls' }] },
]

describe('validate() by schema', () => {
  it('takes what matches the schema of the request, and nothing else', () => {
    const check = (text: string) => validate({ schema: true }, asksForCity, answer(text))
    expect(check('{"city":"Ulm"}')).toEqual({ objection: null, isSchemaValid: true })
    expect(check('{"town":"Ulm"}')).toMatchObject({
      objection: { rule: 'schema', isTargetFault: true },
      isSchemaValid: false,
    })
    expect(check('It is Ulm.').objection?.message).toBe('the answer is not JSON')
    expect(check('```json\n{"city":"Ulm"}\n```').isSchemaValid).toBe(false)
  })

  it('says nothing of the answer itself', () => {
    const { objection } = validate(
      { schema: true },
      asksForCity,
      answer('{"city":["grandmother"]}'),
    )
    expect(objection?.message).toBe('the answer does not match the schema: $.city breaks "type"')
  })

  it('takes the schema of the route where that is declared', () => {
    const rules = { schema: { type: 'array' } }
    expect(validate(rules, chatRequest(), answer('[1]')).objection).toBeNull()
    expect(validate(rules, chatRequest(), answer('{}')).objection?.rule).toBe('schema')
  })

  it('asks for JSON where the request asks for no more, and for nothing where it asks for text', () => {
    const json = chatRequest({ responseFormat: { type: 'json' } })
    expect(validate({ schema: true }, json, answer('[1]')).isSchemaValid).toBe(true)
    expect(validate({ schema: true }, json, answer('no')).isSchemaValid).toBe(false)
    expect(validate({ schema: true }, chatRequest(), answer('no'))).toEqual({
      objection: null,
      isSchemaValid: null,
    })
  })

  it('does not judge an answer that was cut, a refusal, or a call of a tool', () => {
    const refusal: CanonicalEvent[] = [
      { type: 'refusal', choice: 0, text: 'no' },
      { type: 'finish', choices: [{ choice: 0, reason: 'stop' }] },
    ]
    for (const events of [answer('{"ci', 'length'), call, refusal])
      expect(validate({ schema: true }, asksForCity, events).objection).toBeNull()
  })

  it('judges every choice', () => {
    const events: CanonicalEvent[] = [
      { type: 'text', choice: 0, text: '{"city":"Ulm"}' },
      { type: 'text', choice: 1, text: 'Ulm' },
      {
        type: 'finish',
        choices: [
          { choice: 0, reason: 'stop' },
          { choice: 1, reason: 'stop' },
        ],
      },
    ]
    expect(validate({ schema: true }, asksForCity, events).isSchemaValid).toBe(false)
  })
})

describe('validate() by the other rules', () => {
  const rules = (text: string, reason?: FinishReason) =>
    validate({ nonEmpty: true, noErrorText: true }, chatRequest(), answer(text, reason)).objection

  it('takes no answer with nothing in it: thinking is no answer', () => {
    expect(rules(' \n')?.rule).toBe('empty')
    const thought: CanonicalEvent[] = [
      { type: 'reasoning', choice: 0, text: 'Hm' },
      { type: 'finish', choices: [{ choice: 0, reason: 'stop' }] },
    ]
    expect(validate({ nonEmpty: true }, chatRequest(), thought).objection?.rule).toBe('empty')
    expect(validate({ nonEmpty: true }, chatRequest(), call).objection).toBeNull()
    expect(validate({ nonEmpty: true }, chatRequest(), []).objection?.rule).toBe('empty')
  })

  it('takes the ends that are declared; a limit of the caller is not the fault of a target', () => {
    const check = (reason: FinishReason) =>
      validate({ finish: ['stop'] }, chatRequest(), answer('x', reason)).objection
    expect(check('stop')).toBeNull()
    expect(check('contentFilter')).toMatchObject({ rule: 'finish', isTargetFault: true })
    expect(check('length')).toMatchObject({ rule: 'finish', isTargetFault: false })
  })

  it('takes no apology and no error message for an answer', () => {
    expect(rules("I'm sorry, but I can't help with that.")?.rule).toBe('error_text')
    expect(rules('Ulm lies on the Danube.')).toBeNull()
  })
})

describe('isErrorText()', () => {
  it('has phrases as it compares them: lower case, composed, plain apostrophes, none twice', () => {
    const all = Object.values(errorPhrases).flat()
    expect(all.length).toBeGreaterThan(200)
    expect(all.map((phrase) => phrase.normalize('NFC').toLowerCase())).toEqual(all)
    expect(all.filter((phrase) => phrase.includes('’') || phrase.length < 3)).toEqual([])
    expect(new Set(all).size).toBe(all.length)
    for (const phrase of all) expect([phrase, isErrorText(phrase)]).toEqual([phrase, true])
  })

  it.each([
    'Internal Server Error',
    '  Error: upstream closed',
    'I’m sorry, but I can’t assist with that.',
    '{"error":{"message":"overloaded"}}',
    '<!DOCTYPE html><html><title>502</title></html>',
    'Traceback (most recent call last):\n  File "x.py"',
    'Es tut mir leid, aber ich kann dabei nicht helfen.',
    'Désolé, je ne peux pas répondre à cette question.',
    'Lo siento, pero no puedo ayudar con eso.',
    'Desculpe, mas não posso ajudar com isso.',
    'Mi dispiace, ma non posso aiutarti.',
    'Er is een fout opgetreden.',
    'Wystąpił błąd.',
    'Извините, но я не могу помочь.',
    'Bir hata oluştu.',
    '申し訳ありませんが、お手伝いできません。',
    '很抱歉，我无法回答这个问题。',
    '죄송하지만 도와드릴 수 없습니다.',
    // The same letters in pieces, as some tokenizers write them.
    'Désolé, je ne peux pas.'.normalize('NFD'),
  ])('knows %j', (text) => {
    expect(isErrorText(text)).toBe(true)
  })

  it.each([
    '',
    'An error is a difference between what is and what should be.',
    'I am sorry for your loss.',
    'Rate limits are explained below.',
    'Es tut mir leid um deinen Verlust.',
    'Désolé de ce retard : voici la réponse.',
    'Lo siento mucho por tu pérdida.',
    '错误是学习的一部分。',
    `Error: this is how the log begins. ${'And here is what it means. '.repeat(20)}`,
  ])('lets %j be an answer', (text) => {
    expect(isErrorText(text)).toBe(false)
  })
})
