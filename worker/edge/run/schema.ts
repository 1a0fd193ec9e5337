import * as z from 'zod/mini'
import { described, toolText } from '../../../durable-objects/described.ts'
import { lazily } from '../../../durable-objects/lazily.ts'
import { alertsSchema } from '../../../durable-objects/provider-health/standby-schema.ts'

/** Options of a route that are about requests with an object of their own (`durable-objects/run/`). */

const keepForMs = z.int().check(z.minimum(10_000), z.maximum(604_800_000))

export const resumableSchema = z.strictObject({
  keepForMs: described(
    z._default(keepForMs, 3_600_000),
    toolText('How long after its end an answer can be attached to again, ms.'),
  ),
  maxBytes: described(
    z._default(z.int().check(z.minimum(16_384), z.maximum(16_777_216)), 4_194_304),
    toolText('The largest answer that is kept, bytes; a larger one is sent and not kept.'),
  ),
})

export const jobsSchema = z.strictObject({
  keepForMs: described(
    z._default(keepForMs, 86_400_000),
    toolText('How long after its end the answer of a job can be fetched, ms.'),
  ),
  maxBytes: described(
    z._default(z.int().check(z.minimum(16_384), z.maximum(16_777_216)), 8_388_608),
    toolText('The largest answer of a job, bytes; a larger one ends the job as failed.'),
  ),
  webhook: described(
    z.optional(alertsSchema),
    toolText('Told when a job of this route has ended.'),
  ),
})

export const runFields = {
  resumable: described(
    z.optional(resumableSchema),
    toolText(
      'Streams of this route outlive their client: each event has an id to attach again with, and a retry with the same idempotency key joins.',
    ),
  ),
  jobs: described(
    z.optional(jobsSchema),
    toolText('Of requests with `prefer: respond-async` on this route.'),
  ),
}

export type ResumableConfig = z.infer<typeof resumableSchema>
export type JobsConfig = z.infer<typeof jobsSchema>

/** Of a route without `jobs`, and of a request that names a target. */
export const defaultJobs = lazily((): JobsConfig => jobsSchema.parse({}))
