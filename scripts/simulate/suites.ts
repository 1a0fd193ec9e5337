import { circuits } from './circuits.ts'
import { ledger } from './ledger/ledger.ts'
import type { Suite } from './suite.ts'

export const suites: readonly Suite[] = [circuits, ledger]
