import { toolText } from '../../canonical/tool-text.ts'
import type { OpenAiQuirks } from '../openai/quirks.ts'
import { features, featureSets, openAiLimits } from './feature-sets.ts'

const { common, sampling, engineSampling, openAi } = featureSets
const readOn = '2026-11-20'

/** Vendors who serve their own models. */
export const modelMakers: readonly OpenAiQuirks[] = [
  {
    id: 'openai',
    page: toolText('https://platform.openai.com/docs/api-reference/chat'),
    readOn,
    verified: 'recorded',
    baseUrl: toolText('https://api.openai.com/v1'),
    relay: true,
    features: features([openAi], [], ['longToolNames']),
    ...openAiLimits,
    maxTokensField: 'max_completion_tokens',
    developerRole: true,
    allowedTools: true,
    reasoning: 'effort',
    servesGpt: true,
    // "Up to 4 sequences" (`stop` in the vendor's OpenAPI document 2.3.0).
    maxStopSequences: 4,
    // "gpt-5.6 and later" (prompt_cache_options in the vendor's OpenAPI document); older ones cache by themselves.
    cacheMarks: { style: 'prompt_cache_breakpoint', models: /^gpt-(?:5\.[6-9]|[6-9])/ },
  },
  {
    id: 'deepseek',
    page: toolText('https://api-docs.deepseek.com/api/create-chat-completion'),
    readOn,
    verified: 'recorded',
    baseUrl: toolText('https://api.deepseek.com'),
    // Text parts only (corpus deepseek/chat/err400-blocking-pdf-*), JSON mode without a schema;
    // "a maximum length of 64" for the name of a function (read 2026-11-26).
    features: features(
      [common],
      ['logprobs', 'frequencyPenalty', 'presencePenalty'],
      ['imageUrl', 'imageBase64', 'toolResultImages', 'jsonSchema', 'longToolNames'],
    ),
    // "Up to 16 sequences" (`stop` on the page, read 2026-11-26).
    maxStopSequences: 16,
    reasoning: 'thinking',
    // A thinking turn that called tools is refused without its thinking.
    reasoningEcho: 'reasoning_content',
  },
  {
    id: 'xai',
    page: toolText('https://docs.x.ai/docs/api-reference#chat-completions'),
    readOn,
    verified: 'recorded',
    baseUrl: toolText('https://api.x.ai/v1'),
    features: features([common, sampling], ['singleToolCall', 'n', 'logprobs', 'userId']),
    maxTokensField: 'max_completion_tokens',
    // "Adding them in the request would result in an error" (docs.x.ai/docs/guides/reasoning, read 2026-11-26).
    modelLacks: [
      {
        models: /^grok-(?!.*non-reasoning)(?:3-mini|4|[5-9]|code)/,
        lacks: ['presencePenalty', 'frequencyPenalty', 'stop'],
      },
    ],
    reasoning: 'effort',
    reasoningEcho: 'reasoning_content',
    statesCost: true,
  },
  {
    id: 'perplexity',
    page: toolText('https://docs.perplexity.ai/api-reference/chat-completions-post'),
    readOn,
    verified: 'recorded',
    baseUrl: toolText('https://api.perplexity.ai'),
    features: features(
      [
        [
          'imageUrl',
          'imageBase64',
          'imageDetail',
          'fileText',
          'documentTitles',
          'documentContext',
          'jsonSchema',
          'reasoning',
          'temperature',
          'topP',
          'topK',
        ],
      ],
      ['frequencyPenalty', 'presencePenalty', 'fileUrl', 'fileBase64'],
    ),
    // No [DONE]: the last chunk is `chat.completion.done` (corpus perplexity/chat/stream-*).
    endMark: 'finish-reason',
    // Usage comes with every chunk, unasked.
    streamOptions: false,
    reasoning: 'effort',
    statesCost: true,
  },
  {
    id: 'moonshotai',
    page: toolText('https://platform.moonshot.ai/docs/api/chat'),
    readOn,
    // The two recorded cases are synthetic; fields are from the page.
    verified: 'unverified',
    baseUrl: toolText('https://api.moonshot.ai/v1'),
    // A forced tool choice is refused while thinking is on, which is the default.
    features: features(
      [common],
      ['frequencyPenalty', 'presencePenalty', 'n', 'promptCacheKey', 'videoInput'],
      ['toolChoiceRequired', 'toolChoiceNamed'],
    ),
    maxTokensField: 'max_completion_tokens',
    reasoning: 'thinking',
    reasoningEcho: 'reasoning_content',
  },
  {
    id: 'zai',
    page: toolText('https://docs.z.ai/api-reference/llm/chat-completion'),
    readOn,
    verified: 'recorded',
    baseUrl: toolText('https://api.z.ai/api/paas/v4'),
    // `tool_choice` is documented with `auto` alone; a named one was accepted on record (corpus zai/chat/json-tool-call-*).
    features: features([common], ['videoInput'], ['toolChoiceRequired', 'toolChoiceNone']),
    // "Currently, only one stop word is supported" (`stop` on the page, read 2026-11-26).
    maxStopSequences: 1,
    reasoning: 'thinking',
    reasoningEcho: 'reasoning_content',
    // https://docs.z.ai/api-reference/api-code
    errorCodes: {
      '1113': 'quota_exhausted',
      '1261': 'context_length',
      '1301': 'content_policy',
      '1302': 'rate_limited',
      '1303': 'rate_limited',
      '1304': 'quota_exhausted',
      '1305': 'rate_limited',
      '1308': 'quota_exhausted',
      '1309': 'quota_exhausted',
      '1310': 'quota_exhausted',
      '1312': 'overloaded',
    },
  },
  {
    id: 'minimax',
    // Thinking comes inside the text as <think> unless the caller's extensions set `reasoning_split`.
    page: toolText('https://platform.minimax.io/docs/api-reference/text-openai-api'),
    readOn,
    verified: 'unverified',
    baseUrl: toolText('https://api.minimax.io/v1'),
    features: features(
      [common],
      [],
      ['toolChoiceRequired', 'toolChoiceNamed', 'jsonMode', 'jsonSchema', 'stop', 'reasoning'],
    ),
    maxTokensField: 'max_completion_tokens',
    reasoningEcho: 'reasoning_details',
    // https://platform.minimax.io/docs/api-reference/errorcode, in `base_resp` of a 200
    errorCodes: {
      '1000': 'server_error',
      '1001': 'timeout',
      '1002': 'rate_limited',
      '1004': 'auth',
      '1008': 'quota_exhausted',
      '1024': 'server_error',
      '1026': 'content_policy',
      '1027': 'content_policy',
      '1033': 'server_error',
      '1039': 'rate_limited',
      '1041': 'rate_limited',
      '2013': 'bad_request',
      '2049': 'auth',
      '2056': 'quota_exhausted',
    },
  },
  {
    id: 'alibaba',
    page: toolText('https://www.alibabacloud.com/help/en/model-studio/use-qwen-by-calling-api'),
    readOn,
    verified: 'recorded',
    baseUrl: toolText('https://dashscope-intl.aliyuncs.com/compatible-mode/v1'),
    features: features(
      [common, engineSampling],
      ['seed', 'presencePenalty', 'n', 'logprobs', 'singleToolCall', 'videoInput', 'audioInput'],
      // "The length of the tool name cannot exceed 64", its 400 (QwenLM/Qwen3-VL issue 2069).
      ['toolChoiceRequired', 'minP', 'repetitionPenalty', 'logitBias', 'longToolNames'],
    ),
    reasoning: 'enable-thinking',
    reasoningEcho: 'reasoning_content',
  },
]
