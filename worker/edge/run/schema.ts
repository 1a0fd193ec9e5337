import * as z from 'zod'
import { alertsSchema } from '../../../durable-objects/provider-health/standby-schema.ts'

/** Options of a route that are about requests with an object of their own (`durable-objects/run/`). */

const keepForMs = z.number().int().min(10_000).max(604_800_000)

export const resumableSchema = z.strictObject({
  keepForMs: keepForMs
    .default(3_600_000)
    .describe('How long after its end an answer can be attached to again, ms.'),
  maxBytes: z
    .number()
    .int()
    .min(16_384)
    .max(16_777_216)
    .default(4_194_304)
    .describe('The largest answer that is kept, bytes; a larger one is sent and not kept.'),
})

export const jobsSchema = z.strictObject({
  keepForMs: keepForMs
    .default(86_400_000)
    .describe('How long after its end the answer of a job can be fetched, ms.'),
  maxBytes: z
    .number()
    .int()
    .min(16_384)
    .max(16_777_216)
    .default(8_388_608)
    .describe('The largest answer of a job, bytes; a larger one ends the job as failed.'),
  webhook: alertsSchema.optional().describe('Told when a job of this route has ended.'),
})

export const runFields = {
  resumable: resumableSchema
    .optional()
    .describe(
      'Streams of this route outlive their client: each event has an id to attach again with, and a retry with the same idempotency key joins.',
    ),
  jobs: jobsSchema.optional().describe('Of requests with `prefer: respond-async` on this route.'),
}

export type ResumableConfig = z.infer<typeof resumableSchema>
export type JobsConfig = z.infer<typeof jobsSchema>

/** Of a route without `jobs`, and of a request that names a target. */
export const defaultJobs: JobsConfig = jobsSchema.parse({})
