/**
 * How texts begin that stand where an answer should be: a model that excuses itself, and the error pages of what is
 * between it and us. Lower case, plain apostrophes. From answers of providers and gateways as their users report them;
 * a short answer that begins so is one of these, a long one goes on to answer.
 */
const beginnings: readonly string[] = [
  "i'm sorry, but i can't",
  "i'm sorry, but i cannot",
  "i'm sorry, but i am unable",
  "i'm sorry, i can't",
  "i'm sorry, i cannot",
  'i am sorry, but i cannot',
  'sorry, but i can',
  "i apologize, but i can't",
  'i apologize, but i cannot',
  'i apologize for the inconvenience',
  'as an ai language model, i cannot',
  "as an ai language model, i can't",
  'as an ai, i cannot',
  'an error occurred',
  'an error has occurred',
  'an unexpected error',
  'internal server error',
  'internal error',
  'error:',
  '[error]',
  'error code:',
  'something went wrong',
  'service unavailable',
  'the service is temporarily unavailable',
  'the server is overloaded',
  'the model is overloaded',
  'the engine is currently overloaded',
  'that model is currently overloaded',
  'bad gateway',
  'gateway timeout',
  '502 bad gateway',
  '503 service',
  '504 gateway',
  'request timed out',
  'the request timed out',
  'too many requests',
  'rate limit exceeded',
  'rate limit reached',
  'you exceeded your current quota',
  'upstream connect error',
  'upstream request timeout',
  'no healthy upstream',
  'traceback (most recent call last)',
  '{"error"',
  '{ "error"',
  '<!doctype html',
  '<html',
]

/** A longer text says more than that it is sorry, characters. */
const longest = 400

/** Linear in the list and the first characters: a text is compared with each beginning once. */
export function isErrorText(text: string): boolean {
  const start = text.trimStart().slice(0, longest + 1)
  const plain = start.toLowerCase().replaceAll('’', "'")
  const isPage = plain.startsWith('<!doctype html') || plain.startsWith('<html')
  if (start.trimEnd().length > longest) return isPage
  return beginnings.some((beginning) => plain.startsWith(beginning))
}
