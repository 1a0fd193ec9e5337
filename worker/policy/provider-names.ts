/**
 * OpenRouter's slugs for providers that are usually called otherwise here
 * (openrouter.ai/docs "Provider Routing", 2026-11-20), each with the names it may have.
 */
const slugs: Readonly<Record<string, readonly string[]>> = {
  'amazon-bedrock': ['bedrock'],
  azure: ['azure-openai', 'azure-foundry'],
  cloudflare: ['workers-ai'],
  'google-ai-studio': ['gemini'],
  'z-ai': ['zai'],
}

/** Where `provider` stands in a caller's list of names, in any case and under OpenRouter's slugs too; -1 when it does not. */
export function placeOf(provider: string, names: readonly string[]): number {
  return names.findIndex((name) => {
    const wanted = name.toLowerCase()
    return wanted === provider || slugs[wanted]?.includes(provider) === true
  })
}

export function isNamed(provider: string, names: readonly string[]): boolean {
  return placeOf(provider, names) !== -1
}
