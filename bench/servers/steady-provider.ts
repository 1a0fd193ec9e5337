/** A provider for the outage bench: streams a short OpenAI answer, its first token after a while. `PORT [FIRST_TOKEN_MS]` */
import { createServer } from 'node:http'

const [port = '0', firstTokenMs = '60'] = process.argv.slice(2)
const head = { 'content-type': 'text/event-stream' }
const tokens = 5

const event = (fields: object) =>
  `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm', ...fields })}\n\n`
const token = (text: string) =>
  event({ choices: [{ index: 0, delta: { content: text }, finish_reason: null }] })
const end =
  event({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }) +
  event({
    choices: [],
    usage: { prompt_tokens: 5, completion_tokens: tokens, total_tokens: 5 + tokens },
  }) +
  'data: [DONE]\n\n'

createServer((request, response) => {
  request.resume().on('end', () => {
    // Some spread, so that percentiles say something.
    const waitMs = Number(firstTokenMs) * (0.7 + 0.6 * Math.random())
    setTimeout(() => {
      response.writeHead(200, head)
      response.write(Array.from({ length: tokens }, () => token('well ')).join(''))
      response.end(end)
    }, waitMs)
  })
}).listen(Number(port), '127.0.0.1')
