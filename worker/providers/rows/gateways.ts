import { toolText } from '../../canonical/tool-text.ts'
import type { OpenAiQuirks } from '../openai/quirks.ts'
import { features, featureSets, openAiLimits } from './feature-sets.ts'

const { common, sampling, engineSampling } = featureSets
const readOn = '2026-11-20'

/** Vendors who pass requests on to other vendors, and so speak for many. */
export const gateways: readonly OpenAiQuirks[] = [
  {
    id: 'openrouter',
    page: toolText('https://openrouter.ai/docs/api-reference/chat-completion'),
    readOn,
    verified: 'recorded',
    baseUrl: toolText('https://openrouter.ai/api/v1'),
    features: features(
      [common, sampling, engineSampling],
      [
        'singleToolCall',
        'logprobs',
        'audioInput',
        'videoInput',
        'fileBase64',
        'fileUrl',
        'imageOutput',
        'audioOutput',
        'cacheMarks',
        'prefill',
        'userId',
        'metadata',
        'serviceTier',
        'verbosity',
      ],
    ),
    developerRole: true,
    servesGpt: true,
    // OpenAI's limit comes through (openclaw pull request 875, read 2026-11-26); Gemini was sent 49 characters through it, and took them
    // (corpus openrouter/chat/json-tool-call-openrouter-google-nested-schema-b2fb01).
    maxToolCallIdLength: openAiLimits.maxToolCallIdLength,
    shortToolCallIds: /^~?openai\//,
    // Its own: ujisati/claude-code-provider-proxy pull request 11 (read 2026-11-26).
    maxUserIdLength: 128,
    reasoning: 'object',
    reasoningEcho: 'reasoning_details',
    cacheMarks: { style: 'cache_control', models: /^~?anthropic\// },
    // Cost comes unasked since 2025; asking does no harm (openrouter.ai/docs/use-cases/usage-accounting).
    usageInclude: true,
    statesCost: true,
  },
  {
    id: 'vercel-gateway',
    page: toolText('https://vercel.com/docs/ai-gateway/openai-compat'),
    readOn,
    verified: 'recorded',
    baseUrl: toolText('https://ai-gateway.vercel.sh/v1'),
    features: features(
      [common, sampling],
      ['fileBase64', 'imageOutput', 'cacheMarks', 'userId', 'singleToolCall'],
    ),
    servesGpt: true,
    reasoning: 'object',
    reasoningEcho: 'reasoning_details',
    cacheMarks: { style: 'cache_control', models: /^~?anthropic\// },
    statesCost: true,
  },
  {
    id: 'huggingface',
    page: toolText('https://huggingface.co/docs/inference-providers/tasks/chat-completion'),
    readOn,
    verified: 'recorded',
    baseUrl: toolText('https://router.huggingface.co/v1'),
    features: features([common, sampling], ['logprobs'], ['reasoning']),
  },
  {
    id: 'github-models',
    page: toolText('https://docs.github.com/en/rest/models/inference'),
    readOn,
    verified: 'unverified',
    baseUrl: toolText('https://models.github.ai/inference'),
    features: features([common, sampling], ['reasoning'], ['toolResultImages']),
    servesGpt: true,
    reasoning: 'effort',
  },
]
