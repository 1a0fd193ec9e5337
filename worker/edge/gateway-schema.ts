import * as z from 'zod/mini'
import { described, toolText } from '../../durable-objects/described.ts'
import { ledgerOptions } from './ledger/config.ts'

/** What `routes.json` says of the whole gateway: caps, health, the ledger, decision records. */

export const limitsSchema = z.strictObject({
  maxBodyBytes: described(
    z._default(z.int().check(z.minimum(1024), z.maximum(104_857_600)), 20_971_520),
    toolText('Inbound body, bytes.'),
  ),
  maxBodyDepth: described(
    z._default(z.int().check(z.minimum(4), z.maximum(512)), 64),
    toolText('Nesting of an inbound body.'),
  ),
  maxBodyKeys: described(
    z._default(z.int().check(z.minimum(16), z.maximum(1_000_000)), 50_000),
    toolText('Keys of all objects of an inbound body together.'),
  ),
  maxBodyItems: described(
    z._default(z.int().check(z.minimum(16), z.maximum(10_000_000)), 200_000),
    toolText(
      'Items of all lists and objects of an inbound body together, the first of each not counted: its commas.',
    ),
  ),
  maxAnswerBytes: described(
    z._default(z.int().check(z.minimum(1024), z.maximum(104_857_600)), 33_554_432),
    toolText('A whole, unstreamed upstream answer, bytes.'),
  ),
})

export const healthSchema = z.strictObject({
  mode: described(
    z._default(z.enum(['enforce', 'observe']), 'enforce'),
    toolText(
      '`observe`: circuits and credentials are watched, told and listed, and never keep a request from a target.',
    ),
  ),
})

export const ledgerSchema = z.strictObject({
  mode: described(
    z._default(z.enum(['enforce', 'off']), 'enforce'),
    toolText(
      '`off`: nothing is budgeted, limited or written down, and models without a price are called all the same.',
    ),
  ),
  ...ledgerOptions,
})

export const decisionsSchema = z.strictObject({
  mode: described(
    z._default(z.enum(['log', 'off']), 'log'),
    toolText(
      '`log`: the log line of each request holds what its plan was made of, so that `npm run replay` can make it again.',
    ),
  ),
  keepPinnedForMs: described(
    z._default(z.int().check(z.minimum(60_000), z.maximum(604_800_000)), 3_600_000),
    toolText(
      'Of a pinned tenant no log line holds it, but the object that ran the request, sealed and inside of the jurisdiction, for so long, ms. `GET /v1/requests/{id}` tells it.',
    ),
  ),
})
