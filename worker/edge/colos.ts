import type { Residency } from './residency.ts'

/**
 * Cloudflare's data centres by where they stand, as `request.cf.colo` names them, for tenants in strict mode.
 *
 * A list, and not `request.cf.country`: that is where the client is. One that is missing here is refused, so a new data
 * centre costs a refusal until it is added, never a leak. Source: the locations of cloudflarestatus.com by city and
 * country, in the copy of 2026-02-07 (github.com/pocc/global-healthchecks, docs/COLO_CITIES.md, read 2026-11-26), those
 * that are rerouted at times included. Berlin is TXL there and BER in newer lists.
 */

/** In member states of the EU; not Switzerland, Norway, Iceland, the United Kingdom or overseas territories. */
const eu = new Set(
  (
    'AMS ARN ATH BCN BER BOD BRU BTS BUD CDG CPH DUB DUS FCO FRA GOT HAM HEL LCA LIS LUX LYS MAD MLA MRS MUC MXP OTP ' +
    'PMO PRG RIX SKG SOF STR TLL TXL VIE VNO WAW WRO ZAG'
  ).split(' '),
)

/** In the fifty states; not Puerto Rico. */
const us = new Set(
  (
    'ABQ ANC ATL AUS BGR BNA BOS BUF CLE CLT CMH DEN DFW DTW EWR FSD HNL IAD IAH IND JAX LAS LAX MCI MEM MIA MSP OKC ' +
    'OMA ORD ORF PDX PHL PHX PIT RDU RIC SAN SAT SEA SFO SJC SLC SMF STL TLH TPA'
  ).split(' '),
)

const colosOf: Readonly<Record<Residency, ReadonlySet<string>>> = {
  eu,
  us,
  fedramp: us,
  'fedramp-high': us,
}

/** Whether a request that came in at `colo` was decrypted inside. Unknown is outside. */
export function isColoInside(colo: string | null, residency: Residency): boolean {
  return colo !== null && colosOf[residency].has(colo)
}
