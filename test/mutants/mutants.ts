import { accessMutants } from './access.ts'
import { adminMutants } from './admin.ts'
import { catalogMutants } from './catalog.ts'
import { chosenTierMutants } from './chosen-tiers.ts'
import { constraintMutants } from './constraints.ts'
import { dataMutants } from './data.ts'
import { decisionMutants } from './decision.ts'
import { dialectMutants } from './dialects.ts'
import { doorMutants } from './doors.ts'
import { edgeMutants } from './edge.ts'
import { engineMutants } from './engine.ts'
import { firstCreditMutants } from './first-credit.ts'
import { firstHoldMutants } from './first-hold.ts'
import { healthMutants } from './health.ts'
import { healthObjectMutants } from './health-object.ts'
import { healthEdgeMutants } from './health-edge.ts'
import { ladderMutants } from './ladder.ts'
import { ledgerMutants } from './ledger.ts'
import { ledgerEdgeMutants } from './ledger-edge.ts'
import { ledgerObjectMutants } from './ledger-object.ts'
import { lintMutants } from './lint.ts'
import type { Mutant } from './mutant.ts'
import { namedListMutants } from './named-list.ts'
import { workerdMutants } from './on-workerd.ts'
import { parallelMutants } from './parallel.ts'
import { policyMutants } from './policy.ts'
import { proofMutants } from './proof.ts'
import { providerMutants } from './providers.ts'
import { requestPathMutants } from './request-path.ts'
import { runMutants } from './run.ts'
import { runHandoverMutants } from './run-handover.ts'
import { rankingMutants } from './ranking.ts'
import { releaseMutants } from './release.ts'
import { requestCapMutants } from './request-caps.ts'
import { settleJournalMutants } from './settle-journal.ts'
import { stormMutants } from './storm.ts'
import { streamMutants } from './streams.ts'
import { toldMutants } from './told.ts'

/** Every broken variant that the suite must notice, by room. */
export const mutants: readonly Mutant[] = [
  ...streamMutants,
  ...providerMutants,
  ...dialectMutants,
  ...policyMutants,
  ...constraintMutants,
  ...dataMutants,
  ...lintMutants,
  ...namedListMutants,
  ...rankingMutants,
  ...proofMutants,
  ...catalogMutants,
  ...edgeMutants,
  ...requestPathMutants,
  ...chosenTierMutants,
  ...engineMutants,
  ...requestCapMutants,
  ...decisionMutants,
  ...parallelMutants,
  ...healthMutants,
  ...healthObjectMutants,
  ...healthEdgeMutants,
  ...ladderMutants,
  ...ledgerMutants,
  ...ledgerEdgeMutants,
  ...ledgerObjectMutants,
  ...settleJournalMutants,
  ...releaseMutants,
  ...firstCreditMutants,
  ...firstHoldMutants,
  ...accessMutants,
  ...adminMutants,
  ...doorMutants,
  ...runMutants,
  ...runHandoverMutants,
  ...workerdMutants,
  ...toldMutants,
  ...stormMutants,
]
