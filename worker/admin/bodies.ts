import { keyBody } from '../../durable-objects/tenant-ledger/access/key-request.ts'
import { tenantBody } from '../../durable-objects/tenant-ledger/access/tenant.ts'
import { budgetsBody, limitsBody } from './budgets-body.ts'
import { forceBody } from './circuits.ts'
import { freezeBody } from './freezes.ts'
import { rotateBody } from './keys.ts'
import { reconcileBody } from './reconcile.ts'
import { releaseBody, restoreBody, rewindBody } from './recovery.ts'

/**
 * What calls of the admin plane take as a body, by the names of the OpenAPI document. The Worker does not bundle this:
 * `npm run schema` writes it down as JSON schemas (`body-schemas.json`), and the writer stays out (6 kB compressed).
 */
export const adminBodies = {
  ForceCircuit: forceBody,
  TenantBody: tenantBody,
  BudgetsBody: budgetsBody,
  LimitsBody: limitsBody,
  KeyBody: keyBody,
  RotateBody: rotateBody,
  FreezeBody: freezeBody,
  ReconcileBody: reconcileBody,
  RewindBody: rewindBody,
  RestoreBody: restoreBody,
  ReleaseBody: releaseBody,
} as const
