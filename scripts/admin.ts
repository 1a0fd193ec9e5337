/**
 * `npm run admin -- COMMAND`: tenants, budgets, keys and ledgers of a running gateway, over its admin plane
 * (`docs/admin.md`).
 */
import { CommandFailure } from './admin/failure.ts'
import { runAdmin } from './admin/run.ts'

try {
  const { text, note } = await runAdmin(process.argv.slice(2), process.env)
  process.stdout.write(text)
  process.stderr.write(note)
} catch (cause) {
  if (!(cause instanceof CommandFailure)) throw cause
  process.stderr.write(`${cause.message}\n`)
  process.exitCode = cause.exitCode
}
