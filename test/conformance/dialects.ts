import type { Dialect } from '../../worker/dialects/dialect.ts'
import { openAiChat } from '../../worker/dialects/openai-chat/index.ts'

/** Every dialect that answers are written in and requests are read with. */
export const dialects: readonly Dialect[] = [openAiChat]
