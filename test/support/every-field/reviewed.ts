/** A field that is in no upstream body and in no warning, and why nothing is lost by it. */
export interface Reviewed {
  /** `messages[].content`: the field wherever it stands; what is inside it is meant too. */
  readonly field: string
  /** Adapters it holds for; absent means all. */
  readonly adapters?: readonly string[]
  /** Bodies it holds in; absent means all. */
  readonly bodies?: readonly string[]
  readonly reason: string
}

const openAi = ['openai', 'azure-openai']

/** A person looked at each of these on 2026-11-26. One that no adapter needs any more fails the test. */
export const reviewed: readonly Reviewed[] = [
  {
    field: 'model',
    bodies: ['preferences'],
    reason: 'the first of `models` stands for it, and it is read by the plan',
  },
  { field: 'models', reason: 'read by the plan' },
  { field: 'provider', reason: 'read by the plan' },
  { field: 'usage', reason: 'answered by the gateway itself: the cost in the last usage' },
  {
    field: 'stream_options',
    reason: 'usage is always asked for, or budgets could not be settled; the gateway leaves it out',
  },
  {
    field: 'response_format.json_schema.name',
    reason: 'a label: nothing in the answer depends on it',
  },
  {
    field: 'response_format.json_schema.strict',
    reason: 'these wires hold every answer to its schema',
  },
  {
    field: 'reasoning.exclude',
    adapters: openAi,
    reason: 'Chat Completions never shows a thought',
  },
  {
    field: 'include_reasoning',
    adapters: openAi,
    reason: 'Chat Completions never shows a thought',
  },
  {
    field: 'reasoning.enabled',
    reason: 'an effort beside it asks for thinking in itself',
  },
  {
    field: 'enable_thinking',
    reason: 'a budget beside it asks for thinking in itself',
  },
  { field: 'tool_choice.type', reason: '`function` is what leaving it out means' },
  { field: 'tools[].type', reason: '`custom` is what leaving it out means' },
  {
    field: 'tools[].function.parameters.type',
    reason: 'arguments are an object: where the wire insists on the word, it is added',
  },
  {
    field: 'functions[].parameters.type',
    reason: 'arguments are an object: where the wire insists on the word, it is added',
  },
  {
    field: 'tools[].input_schema.type',
    reason: 'arguments are an object: where the wire insists on the word, it is added',
  },
  {
    field: 'tools[]',
    bodies: ['allowed tools', 'no tool'],
    reason: 'a tool that may not be called is not shown where the wire cannot forbid it',
  },
  {
    field: 'tools',
    adapters: ['ollama'],
    reason: 'a tool that may not be called is not shown where the wire cannot forbid it',
  },
  {
    field: 'messages[].name',
    bodies: ['a tool loop'],
    reason: 'of a `tool` message: the id of the call says whose answer it is',
  },
  {
    field: 'messages[].reasoning_details[].index',
    reason: 'counts the entries, which are in order',
  },
  {
    field: 'messages[].reasoning_details[].format',
    reason: '`unknown` is what leaving it out means',
  },
  {
    field: 'messages[].content[].caller',
    reason: '`direct` is what leaving it out means',
  },
  {
    field: 'messages[].content[].citations',
    adapters: ['cohere'],
    reason: 'documents are cited unless the request says otherwise',
  },
  ...['system[].citations', 'messages[].content[].citations'].map((field) => ({
    field,
    reason:
      'sources of a text that is itself sent; no other provider reads them, so nothing is asked',
  })),
]
