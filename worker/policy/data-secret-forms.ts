/** How the keys of a service begin, and the fewest characters of a whole one. */
export interface SecretForm {
  readonly prefix: string
  readonly least: number
  /** Whole keys of letters alone are not rare. */
  readonly mayLackDigits?: true
}

function forms(least: number, prefixes: string): SecretForm[] {
  return prefixes.split(' ').map((prefix) => ({ prefix, least }))
}

/**
 * Published forms of keys that a machine can know for sure (docs.github.com "secret scanning patterns", the rules of
 * gitleaks and trufflehog, the pages of the vendors, read 2026-11-26). Public keys (`pk_live_`) are none. Keys without
 * a prefix of their own (Mistral, Cohere, Azure: 32 or more letters and digits) look like any digest and are not known.
 */
export const secretForms: readonly SecretForm[] = [
  // Model providers. `sk-` is that of OpenAI, Anthropic, OpenRouter, DeepSeek, Moonshot, Stability and our own.
  ...forms(24, 'sk- nvapi- fw_ tvly- jina_ fc-'),
  ...forms(30, 'pplx- csk- tgp_v1_ vck_'),
  { prefix: 'hf_', least: 30, mayLackDigits: true },
  { prefix: 'api_org_', least: 38, mayLackDigits: true },
  ...forms(36, 'dapi'),
  ...forms(39, 'AIza'),
  ...forms(40, 'gsk_ xai- r8_ pa- lsv2_pt_ lsv2_sk_ bedrock-api-key-'),
  // Base64 of `BedrockAPIKey-`; what follows is base64, of which the first run may be short.
  ...forms(40, 'ABSKQmVkcm9ja0FQSUtleS'),
  // Clouds and payment.
  ...forms(20, 'AKIA ASIA'),
  ...forms(24, 'sk_live_ sk_test_ rk_live_ rk_test_ LTAI'),
  ...forms(30, 'whsec_'),
  ...forms(40, 'cfut_ cfat_ cfk_ sbp_'),
  ...forms(64, 'dop_v1_ doo_v1_ dor_v1_'),
  // Tools of developers.
  ...forms(24, 'xoxb- xoxp- xoxa- xoxe- xoxs- xapp-'),
  ...forms(26, 'glpat- NRAK- dckr_pat_'),
  ...forms(33, 'github_pat_ lin_api_ figd_ glsa_ GOCSPX-'),
  ...forms(38, 'shpat_ shpss_ shpca_ shppa_'),
  ...forms(40, 'ghp_ gho_ ghu_ ghs_ ghr_ npm_ sntrys_ sntryu_'),
  ...forms(45, 'ntn_'),
  ...forms(60, 'pypi- PMAK- ATATT3'),
]
