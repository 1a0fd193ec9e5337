import * as z from 'zod'

/** What the tests say and send; the simulator's answers follow from it (`simulator/plan-answer.ts`). */
export const greeting = 'Hello there'
export const greetingAnswer = 'You said: Hello there'

export const weatherSchema = {
  type: 'object',
  properties: { city: { type: 'string', enum: ['Kyiv', 'Oslo'] } },
  required: ['city'],
  additionalProperties: false,
} as const

export const timeSchema = {
  type: 'object',
  properties: { zone: { type: 'string' } },
  required: ['zone'],
  additionalProperties: false,
} as const

export const trip = z.object({ city: z.string(), days: z.number(), stops: z.array(z.string()) })

/** A red pixel. */
export const pixel =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=='

export const imageUrl = 'https://example.com/pixel.png'

/** Prompt tokens that the simulator counts for an image, all but the text beside it. */
export const imageTokens = 250

/** A text that is long enough to be hung up on. */
export const longAsk = 'Please go on [[tokens:2000]]'
