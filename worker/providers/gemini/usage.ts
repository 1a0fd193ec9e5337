import type { JsonObject } from '../../canonical/request.ts'
import { tokenCount, type Usage, usageOf } from '../../canonical/usage.ts'
import { objectsOf } from '../json-values.ts'

/**
 * `usageMetadata` as canonical counts. Google counts thoughts beside the answer
 * and tool prompts beside the prompt; ours include them
 * (https://ai.google.dev/api/generate-content#UsageMetadata, 2026-11-20).
 * Undefined when it holds no count: Vertex sends `{trafficType}` alone while it streams.
 */
export function readUsage(metadata: JsonObject): Usage | undefined {
  const prompt = tokenCount(metadata['promptTokenCount'])
  const toolPrompt = tokenCount(metadata['toolUsePromptTokenCount'])
  const answer = tokenCount(metadata['candidatesTokenCount'])
  const thoughts = tokenCount(metadata['thoughtsTokenCount'])
  const usage = usageOf({
    inputTokens: sum(prompt, toolPrompt),
    outputTokens: sum(answer, thoughts),
    reasoningTokens: thoughts,
    cacheReadTokens: tokenCount(metadata['cachedContentTokenCount']),
    audioInputTokens: ofModality(metadata['promptTokensDetails'], 'AUDIO'),
    imageInputTokens: ofModality(metadata['promptTokensDetails'], 'IMAGE'),
    audioOutputTokens: ofModality(metadata['candidatesTokensDetails'], 'AUDIO'),
    imageOutputTokens: ofModality(metadata['candidatesTokensDetails'], 'IMAGE'),
    totalTokens: tokenCount(metadata['totalTokenCount']),
  })
  return Object.keys(usage).length === 0 ? undefined : usage
}

function sum(first: number | undefined, second: number | undefined): number | undefined {
  return first === undefined && second === undefined ? undefined : (first ?? 0) + (second ?? 0)
}

function ofModality(details: unknown, modality: string): number | undefined {
  const counts = objectsOf(details)
    .filter((one) => one['modality'] === modality)
    .flatMap((one) => tokenCount(one['tokenCount']) ?? [])
  return counts.length === 0 ? undefined : counts.reduce((total, count) => total + count, 0)
}
