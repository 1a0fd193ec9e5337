/** Things a caller can ask for that not every wire format or model can do. */
export type Feature =
  | 'tools'
  | 'toolChoiceNone'
  | 'toolChoiceRequired'
  | 'toolChoiceNamed'
  | 'toolChoiceAllowed'
  | 'singleToolCall'
  /** Several tool calls in one answer. */
  | 'parallelTools'
  | 'customTools'
  | 'strictTools'
  /** Names of tools of more than 64 characters. */
  | 'longToolNames'
  | 'imageUrl'
  | 'imageBase64'
  | 'audioInput'
  | 'videoInput'
  | 'fileBase64'
  | 'fileUrl'
  | 'fileId'
  | 'fileText'
  | 'toolResultImages'
  /** A tool result marked as an error. */
  | 'toolErrors'
  | 'imageDetail'
  | 'documentTitles'
  | 'documentContext'
  /** The name of a participant, beside the role. */
  | 'participantNames'
  /** The model's earlier thinking, whole: its text and the proof of who thought it. */
  | 'thoughts'
  /** Audio of an earlier answer, by the id its provider gave it. */
  | 'audioHistory'
  | 'jsonMode'
  | 'jsonSchema'
  | 'reasoning'
  | 'hiddenReasoning'
  | 'n'
  | 'logprobs'
  | 'audioOutput'
  | 'imageOutput'
  | 'prefill'
  | 'stop'
  | 'temperature'
  | 'topP'
  | 'topK'
  | 'minP'
  | 'seed'
  | 'frequencyPenalty'
  | 'presencePenalty'
  | 'repetitionPenalty'
  | 'logitBias'
  | 'cacheMarks'
  | 'citations'
  | 'userId'
  | 'metadata'
  | 'serviceTier'
  | 'promptCacheKey'
  | 'verbosity'

/** What a caller can be told of by name: a feature, or a setting that every target has in some measure. */
export type Field = Feature | 'maxOutputTokens' | 'audioSettings' | 'betas'

/** Where in their own body (or header) the caller asked for something. */
export type FieldNames = Readonly<Partial<Record<Field, string>>>
