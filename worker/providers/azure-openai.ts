import { toolText } from '../canonical/tool-text.ts'
import type { AdapterTarget, ProviderAdapter, UpstreamCall } from './adapter.ts'
import { encodeRequest } from './openai/encode-request.ts'
import type { OpenAiQuirks } from './openai/quirks.ts'
import { createOpenAiAdapter } from './openai-compatible.ts'
import { features, featureSets, openAiLimits } from './rows/feature-sets.ts'

/**
 * OpenAI's models on Azure (learn.microsoft.com/azure/foundry/openai/reference
 * and .../api-version-lifecycle, read 2026-11-20). The base URL is the resource:
 * `https://NAME.openai.azure.com`.
 */
export const azureOpenAiQuirks: OpenAiQuirks = {
  id: 'azure-openai',
  page: toolText('https://learn.microsoft.com/azure/foundry/openai/reference'),
  readOn: '2026-11-20',
  verified: 'recorded',
  // No relay: its streams begin with an event of empty `id`, `object` and `model`, and filtered answers
  // have messages without content (corpus azure-openai/chat/stream-simple-streaming-b471a8, json-refusal-chat-content-filtering-9dc262).
  features: features([featureSets.openAi], [], ['fileId', 'longToolNames']),
  ...openAiLimits,
  maxTokensField: 'max_completion_tokens',
  developerRole: true,
  allowedTools: true,
  reasoning: 'effort',
  // A deployment is usually called what it deploys.
  servesGpt: true,
  maxStopSequences: 4,
}

/** Before this version Azure refused `stream_options` and `max_completion_tokens`. */
const firstWithStreamOptions = '2024-09-01'

const oldAzureQuirks: OpenAiQuirks = {
  ...azureOpenAiQuirks,
  maxTokensField: 'max_tokens',
  streamOptions: false,
  developerRole: false,
}

/**
 * `options.apiVersion` chooses the API: a date means one deployment's own path
 * with that version; `v1`, `preview` or nothing means the v1 path, where the
 * deployment is the `model` of the body.
 */
function encodeAzureRequest(
  request: Parameters<typeof encodeRequest>[1],
  target: AdapterTarget,
): UpstreamCall {
  const { apiVersion } = target.options
  const isDated = apiVersion !== undefined && /^\d{4}-/.test(apiVersion)
  const isOld = isDated && apiVersion < firstWithStreamOptions
  const call = encodeRequest(isOld ? oldAzureQuirks : azureOpenAiQuirks, request, target)
  if (isDated) {
    const deployment = encodeURIComponent(target.upstreamModel)
    const version = encodeURIComponent(apiVersion)
    return {
      ...call,
      path: `/openai/deployments/${deployment}/chat/completions?api-version=${version}`,
    }
  }
  const query = apiVersion === 'preview' ? '?api-version=preview' : ''
  return { ...call, path: `/openai/v1/chat/completions${query}` }
}

export const azureOpenAi: ProviderAdapter = {
  ...createOpenAiAdapter(azureOpenAiQuirks),
  encodeRequest: encodeAzureRequest,
}

/**
 * Other makers' models on Azure, by the model inference API
 * (learn.microsoft.com/azure/foundry/foundry-models, read 2026-11-20). The base
 * URL is `https://NAME.services.ai.azure.com`.
 */
const azureFoundryQuirks: OpenAiQuirks = {
  id: 'azure-foundry',
  page: toolText('https://learn.microsoft.com/rest/api/aifoundry/modelinference'),
  readOn: '2026-11-20',
  verified: 'recorded',
  features: features([featureSets.common, featureSets.sampling], ['audioInput']),
  // Its models are of many makers, OpenAI among them.
  maxToolCallIdLength: openAiLimits.maxToolCallIdLength,
  reasoning: 'effort',
}

/** The version of the recorded exchanges (corpus azure-foundry/chat/*), still the newest of this API. */
const modelInferenceVersion = '2024-05-01-preview'

export const azureFoundry: ProviderAdapter = {
  ...createOpenAiAdapter(azureFoundryQuirks),
  encodeRequest(request, target) {
    const version = encodeURIComponent(target.options.apiVersion ?? modelInferenceVersion)
    const call = encodeRequest(azureFoundryQuirks, request, target)
    return { ...call, path: `/models/chat/completions?api-version=${version}` }
  },
}
