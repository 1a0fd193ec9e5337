import type { Dialect } from '../../worker/dialects/dialect.ts'
import { dialects as byId } from '../../worker/dialects/index.ts'

/** Every dialect that answers are written in and requests are read with. */
export const dialects: readonly Dialect[] = Object.values(byId)
