export { scopesOf } from '../../../durable-objects/tenant-ledger/access/scopes.ts'
