import bodySchemas from './body-schemas.json' with { type: 'json' }
import {
  answer,
  errorSchema,
  moment,
  nullable,
  reference,
  refusals,
  text,
} from './openapi-parts.ts'
import { rowSchemas } from './openapi-rows.ts'
import { tenantParameters, tenantPaths } from './openapi-tenants.ts'
import { jurisdictions, regions } from '../../durable-objects/provider-health/place.ts'

/** The admin plane in OpenAPI 3.1. Made when it is asked for, so seldom that no start should pay for it; the schemas of bodies are those that zod wrote (`bodies.ts`). */
export function openApiDocument(version: string): object {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Switchyard admin plane',
      version,
      description:
        'Every call takes an admin key, as `Authorization: Bearer KEY` or `x-api-key: KEY`.',
    },
    security: [{ adminKey: [] }],
    paths: { ...documentPath(), ...circuitPaths(), ...tenantPaths() },
    components: {
      securitySchemes: { adminKey: { type: 'http', scheme: 'bearer' } },
      schemas: { ...bodySchemas, ...circuitSchemas(), ...rowSchemas, Error: errorSchema },
      parameters: { ...circuitParameters, ...tenantParameters() },
    },
  }
}

function documentPath(): object {
  return {
    '/admin/v1/openapi.json': {
      get: {
        operationId: 'getOpenApi',
        summary: 'This document',
        responses: {
          200: {
            description: 'OpenAPI 3.1',
            content: { 'application/json': { schema: { type: 'object' } } },
          },
          ...refusals(401),
        },
      },
    },
  }
}

/** The calls of `circuits.ts`. */
export function circuitPaths(): object {
  const addressed = [parameter('provider'), parameter('model')]
  const changed = answer('What was done, and where', 'CircuitChange')
  return {
    '/admin/v1/circuits': {
      get: {
        operationId: 'listCircuits',
        summary:
          'Circuits, quota gates and credentials, by provider, region and target, with their evidence',
        parameters: [parameter('providerFilter'), parameter('regionFilter')],
        responses: { 200: answer('The circuits', 'CircuitList'), ...refusals(400, 401, 404) },
      },
    },
    '/admin/v1/circuits/{provider}/{model}': {
      put: {
        operationId: 'forceCircuit',
        summary: 'Holds a circuit open or closed for a while, in every region; `auto` resets it',
        parameters: [...addressed, parameter('idempotencyKey')],
        requestBody: {
          required: true,
          content: { 'application/json': { schema: reference('schemas', 'ForceCircuit') } },
        },
        responses: { 200: changed, ...refusals(400, 401, 404, 413, 503) },
      },
      delete: {
        operationId: 'resetCircuit',
        summary:
          'Resets a circuit in every region: no longer forced, closed, its gate open, nothing learned',
        parameters: [...addressed, parameter('idempotencyKey')],
        responses: { 200: changed, ...refusals(401, 404, 503) },
      },
    },
  }
}

const circuitParameters = {
  provider: {
    name: 'provider',
    in: 'path',
    required: true,
    schema: { type: 'string' },
    description: 'Id of a provider in the configuration.',
  },
  model: {
    name: 'model',
    in: 'path',
    required: true,
    schema: { type: 'string' },
    allowReserved: true,
    description:
      "The model part of a target's name; slashes and `@` may stand as they are. `edge` is the provider as a whole.",
  },
  providerFilter: {
    name: 'provider',
    in: 'query',
    schema: { type: 'string' },
    description: 'Only this provider; without it, all whose secrets are set.',
  },
  regionFilter: {
    name: 'region',
    in: 'query',
    schema: { enum: [...regions, ...jurisdictions, 'all'] },
    description:
      "Only this region, or the jurisdiction that tenants are pinned to, or `all`; without it, the caller's.",
  },
  idempotencyKey: {
    name: 'idempotency-key',
    in: 'header',
    schema: { type: 'string' },
    description:
      'Where the same call twice would not be the same as once, it makes it so for 24 h; elsewhere it is taken and not needed.',
  },
}

function circuitSchemas(): object {
  return {
    CircuitList: {
      type: 'object',
      required: ['object', 'data', 'unreachable'],
      properties: {
        object: { const: 'list' },
        data: { type: 'array', items: reference('schemas', 'Circuit') },
        unreachable: {
          type: 'array',
          description: 'Objects that did not answer: nothing is known of these.',
          items: {
            type: 'object',
            required: ['provider', 'region'],
            properties: { provider: { type: 'string' }, region },
          },
        },
      },
    },
    CircuitChange: {
      type: 'object',
      required: ['provider', 'target', 'action', 'forMs', 'regions', 'unreachable'],
      properties: {
        provider: { type: 'string' },
        target: { type: ['string', 'null'], description: 'Null for the edge.' },
        action: { enum: ['open', 'closed', 'reset'] },
        forMs: { type: ['integer', 'null'] },
        regions: { type: 'array', items: region },
        unreachable: { type: 'array', items: region },
      },
    },
    Circuit: circuitSchema,
  }
}

const region = { enum: [...regions, ...jurisdictions] }
const state = { enum: ['closed', 'open', 'half_open'] }
/** `CircuitRow`. */
const circuitSchema = {
  type: 'object',
  required: ['provider', 'region', 'domain', 'target', 'state', 'since', 'evidence', 'quota'],
  properties: {
    provider: { type: 'string' },
    region,
    domain: {
      type: 'string',
      description: '`edge`, `target:model@provider` or `credential:FINGERPRINT`.',
    },
    target: text,
    state,
    since: moment,
    openUntil: moment,
    cause: text,
    epoch: { type: 'integer', description: 'One higher for each time it opens.' },
    slow: { type: 'boolean', description: 'Degraded: a tenth of its weight.' },
    failRate: { type: 'number', minimum: 0, maximum: 1 },
    evidence: {
      type: ['object', 'null'],
      description: 'Counts of the window that opened it; of the last 30 s while it is closed.',
      additionalProperties: { type: 'number' },
    },
    speed: {
      type: ['object', 'null'],
      description:
        'T_slow, T_ttft_abort and times to first token, ms, for the four sizes of prompts.',
      additionalProperties: { type: 'array', items: { type: ['number', 'null'] } },
    },
    forced: nullable({ state: { enum: ['open', 'closed'] }, until: moment }),
    quota: nullable({
      state,
      notBefore: moment,
      ratePerS: { type: ['number', 'null'] },
    }),
    standby: nullable({
      status: { enum: ['unknown', 'working', 'failing'] },
      reason: text,
      since: moment,
      lastAsked: moment,
      spentTodayUsd: { type: 'string' },
    }),
  },
}

function parameter(name: keyof typeof circuitParameters): object {
  return reference('parameters', name)
}
