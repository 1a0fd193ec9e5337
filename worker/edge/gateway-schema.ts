import * as z from 'zod'
import { ledgerOptions } from './ledger/config.ts'

/** What `routes.json` says of the whole gateway: caps, health, the ledger, decision records. */

export const limitsSchema = z.strictObject({
  maxBodyBytes: z
    .number()
    .int()
    .min(1024)
    .max(104_857_600)
    .default(20_971_520)
    .describe('Inbound body, bytes.'),
  maxBodyDepth: z
    .number()
    .int()
    .min(4)
    .max(512)
    .default(64)
    .describe('Nesting of an inbound body.'),
  maxBodyKeys: z
    .number()
    .int()
    .min(16)
    .max(1_000_000)
    .default(50_000)
    .describe('Keys of all objects of an inbound body together.'),
  maxAnswerBytes: z
    .number()
    .int()
    .min(1024)
    .max(104_857_600)
    .default(33_554_432)
    .describe('A whole, unstreamed upstream answer, bytes.'),
})

export const healthSchema = z.strictObject({
  mode: z
    .enum(['enforce', 'observe'])
    .default('enforce')
    .describe(
      '`observe`: circuits and credentials are watched, told and listed, and never keep a request from a target.',
    ),
})

export const ledgerSchema = z.strictObject({
  mode: z
    .enum(['enforce', 'off'])
    .default('enforce')
    .describe(
      '`off`: nothing is budgeted, limited or written down, and models without a price are called all the same.',
    ),
  ...ledgerOptions,
})

export const decisionsSchema = z.strictObject({
  mode: z
    .enum(['log', 'off'])
    .default('log')
    .describe(
      '`log`: the log line of each request holds what its plan was made of, so that `npm run replay` can make it again.',
    ),
  keepPinnedForMs: z
    .number()
    .int()
    .min(60_000)
    .max(604_800_000)
    .default(3_600_000)
    .describe(
      'Of a pinned tenant no log line holds it, but the object that ran the request, sealed and inside of the jurisdiction, for so long, ms. `GET /v1/requests/{id}` tells it.',
    ),
})
