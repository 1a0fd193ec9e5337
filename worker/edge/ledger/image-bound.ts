/**
 * The most that one image costs, by model. A model without a row has no documented bound: strict tenants cannot send
 * it images, and everybody else sets aside a full window (`worst-case.ts`). Looked up on 2026-11-26, OpenAI's page in
 * copies and quotations of September 2026.
 */
export interface ImageBound {
  /** Whatever `detail` says, also when it says nothing. */
  readonly most: number
  /** With `detail` of that name, where it costs less. */
  readonly high?: number
  readonly low?: number
  /** `detail: "original"` is documented for it: the image is not scaled down, and refused when it is too large. */
  readonly takesOriginal?: true
}

interface Row extends ImageBound {
  readonly models: RegExp
}

/**
 * https://developers.openai.com/api/docs/guides/images-vision, "Model sizing behavior" and "Calculating costs".
 * Patches of 32 px, times a factor: 1.2 from gpt-5.4 on. An image that has more than 30,000 after scaling is refused.
 * `auto`, and no detail, mean `original` from gpt-5.5 on. `low` fits 512 x 512 px: 256 patches.
 */
const openai: readonly Row[] = [
  // `original` keeps the size: 30,000 patches at 1.2. `high`: 2,500.
  {
    models: /^gpt-(5\.6|6(\.\d+)?)(-(astra|cyber|luna|sol|terra)(-\d{4}-\d{2}-\d{2})?)?$/,
    most: 36_000,
    high: 3000,
    low: 308,
    takesOriginal: true,
  },
  // `original`: 10,000 patches.
  {
    models: /^gpt-5\.[45](-pro)?(-\d{4}-\d{2}-\d{2})?$/,
    most: 12_000,
    high: 3000,
    low: 308,
    takesOriginal: true,
  },
  // 1,536 patches at 1, 1.62, 1.72 or 2.46: the largest of them, 2.46, for all.
  {
    models:
      /^(gpt-5\.4-(mini|nano)|gpt-5-(mini|nano)|gpt-4\.1-(mini|nano)|gpt-5\.2(-pro|-chat-latest)?|gpt-5(\.[123])?-codex(-mini)?|o4-mini)(-\d{4}-\d{2}-\d{2})?$/,
    most: 3779,
    low: 630,
  },
  // A base and at most 8 tiles of 512 px, because nothing beyond 768 x 2,048 px is left of an image: 2,833 + 8 x 5,667.
  { models: /^gpt-4o-mini(-\d{4}-\d{2}-\d{2})?$/, most: 48_169, low: 2833 },
  // 85 + 8 x 170 is the dearest of these (gpt-5: 70 and 140; o1, o3: 75 and 150).
  {
    models:
      /^(gpt-4o|gpt-4\.1|gpt-4\.5-preview|gpt-5|gpt-5-chat-latest|chatgpt-4o-latest|o1|o1-pro|o3)(-\d{4}-\d{2}-\d{2})?$/,
    most: 1445,
    low: 85,
  },
]

/**
 * https://platform.claude.com/docs/en/build-with-claude/vision: patches of 28 px, at most 1,568 of them before Claude
 * 4.7 and 4,784 from then on; what is larger is scaled down. Earlier editions of the page say "some 1,600".
 * The same page speaks for Bedrock.
 */
const claudeBefore47 = /claude-(3|haiku-4-5|(opus|sonnet)-4(-[156])?(-\d{8}|-v1|$))/
const anthropic: readonly Row[] = [
  { models: claudeBefore47, most: 1600 },
  { models: /claude-/, most: 4784 },
]

/**
 * https://ai.google.dev/gemini-api/docs/media-resolution, "Token counts": Gemini 3 takes at most 2,240 for an image
 * (`ULTRA_HIGH`; 1,120 unless asked). Gemini 2.5: "some 2,048" with all its crops, a crop being 258 (docs/tokens).
 * Because that is no exact number, twice as much and a little: 17 crops. Nothing is said of Gemini 4.
 */
const gemini: readonly Row[] = [
  { models: /^gemini-3(\.\d+)?-/, most: 2240 },
  { models: /^gemini-2\.5-(pro|flash|flash-lite)(-preview-[\d-]+)?$/, most: 4386 },
]

/**
 * https://mistralai.github.io/mistral-common/usage/images with the published configuration of Pixtral: 1,024 px a
 * side, patches of 16 px, a break after each row: 64 x 65. Nothing is published of the larger models on the API.
 */
const mistral: readonly Row[] = [{ models: /^pixtral-(12b|large)(-\d{4}|-latest)?$/, most: 4160 }]

/**
 * Claude alone. Nova 1 gives examples up to 1,300 x 1,300 px and takes 8,000 x 8,000; Nova 2 is billed 230 an image,
 * and reports more (docs.aws.amazon.com/nova/latest/userguide/modalities-image.html and nova2-userguide).
 */
const bedrock: readonly Row[] = anthropic.map((row) => ({
  ...row,
  models: new RegExp(`^([a-z-]+\\.)?anthropic\\..*${row.models.source}`),
}))

const rows: Readonly<Record<string, readonly Row[]>> = {
  openai,
  anthropic,
  gemini,
  mistral,
  bedrock,
}

export function imageBound(provider: string, model: string): ImageBound | null {
  if (!Object.hasOwn(rows, provider)) return null
  return rows[provider]?.find(({ models }) => models.test(model)) ?? null
}

/** Null: nobody can say. */
export function imageTokens(bound: ImageBound | null, detail: string | undefined): number | null {
  if (bound === null) return null
  switch (detail) {
    case 'low':
      return bound.low ?? bound.most
    case 'high':
      return bound.high ?? bound.most
    case 'original':
      return bound.takesOriginal === true ? bound.most : null
    default:
      return bound.most
  }
}
