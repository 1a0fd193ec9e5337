/**
 * Which way the streams of official clients go: each is asked to stream with
 * its defaults, through the running gateway, and the gateway's own log line says
 * how the stream was carried (`switchyard.plumbing`).
 */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import Anthropic from '@anthropic-ai/sdk'
import { createAnthropic } from '@ai-sdk/anthropic'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { ChatAnthropic } from '@langchain/anthropic'
import { ChatOpenAI } from '@langchain/openai'
import { streamText } from 'ai'
import OpenAI from 'openai'
import type { SdkShare } from './results.ts'
import { modelName, type Scenario, type UpstreamWire } from './scenarios.ts'

const scenario: Scenario = { kind: 'burst', chunks: 20, single: false }
const upstreams: readonly UpstreamWire[] = ['openai', 'anthropic']

/** The mock's models that must be routes of the gateway. */
export const shareModels: readonly string[] = upstreams.map((wire) => modelName(wire, scenario))

interface Gateway {
  readonly url: string
  readonly key: string
  readonly logFile: string
}

interface Client {
  readonly sdk: string
  /** What decides the way, as this client sends it. */
  readonly sends: string
  readonly stream: (gateway: Gateway, model: string) => Promise<void>
}

const prompt = 'Say something.'
const messages = [{ role: 'user' as const, content: prompt }]

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  let events = 0
  for await (const _event of stream) events += 1
  if (events === 0) throw new Error('a stream without events')
}

const openAi =
  (more: { stream_options?: { include_usage: true } }) =>
  async ({ url, key }: Gateway, model: string) => {
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 })
    await drain(await client.chat.completions.create({ model, messages, stream: true, ...more }))
  }

const compatible =
  (includeUsage: boolean) =>
  async ({ url, key }: Gateway, model: string) => {
    const options = includeUsage ? { includeUsage } : {}
    const provider = createOpenAICompatible({
      name: 'switchyard',
      baseURL: `${url}/v1`,
      apiKey: key,
      ...options,
    })
    await drain(streamText({ model: provider(model), prompt, maxRetries: 0 }).textStream)
  }

const clients: readonly Client[] = [
  { sdk: 'openai (JS; Python sends the same)', sends: 'no stream_options', stream: openAi({}) },
  {
    sdk: 'openai, asked for usage',
    sends: 'include_usage',
    stream: openAi({ stream_options: { include_usage: true } }),
  },
  {
    sdk: '@anthropic-ai/sdk (JS; Python sends the same)',
    sends: 'Anthropic Messages',
    async stream({ url, key }, model) {
      const client = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 })
      await drain(await client.messages.create({ model, messages, max_tokens: 100, stream: true }))
    },
  },
  { sdk: 'ai + @ai-sdk/openai-compatible', sends: 'no stream_options', stream: compatible(false) },
  {
    sdk: 'ai + @ai-sdk/openai-compatible, includeUsage',
    sends: 'include_usage',
    stream: compatible(true),
  },
  {
    sdk: 'ai + @ai-sdk/anthropic',
    sends: 'Anthropic Messages',
    async stream({ url, key }, model) {
      const provider = createAnthropic({ baseURL: `${url}/v1`, apiKey: key })
      await drain(streamText({ model: provider(model), prompt, maxRetries: 0 }).textStream)
    },
  },
  {
    sdk: 'LangChain ChatOpenAI',
    sends: 'include_usage',
    async stream({ url, key }, model) {
      const configuration = { baseURL: `${url}/v1` }
      const chat = new ChatOpenAI({ model, apiKey: key, configuration, maxRetries: 0 })
      await drain(await chat.stream(prompt))
    },
  },
  {
    sdk: 'LangChain ChatAnthropic',
    sends: 'Anthropic Messages',
    async stream({ url, key }, model) {
      const chat = new ChatAnthropic({ model, apiKey: key, anthropicApiUrl: url, maxRetries: 0 })
      await drain(await chat.stream(prompt))
    },
  },
]

/** Runs every client against both upstreams. A client that fails is a row that says so. */
export async function measureShare(gateway: Gateway): Promise<SdkShare[]> {
  const rows: SdkShare[] = []
  for (const { sdk, sends, stream } of clients) {
    for (const upstream of upstreams) {
      const seen = requestLines(gateway.logFile).length
      let plumbing: string
      try {
        await stream(gateway, modelName(upstream, scenario))
        plumbing = await plumbingAfter(gateway.logFile, seen)
      } catch (cause) {
        plumbing = `failed: ${cause instanceof Error ? cause.message.slice(0, 80) : String(cause)}`
      }
      rows.push({ sdk, sends, upstream, plumbing })
    }
  }
  return rows
}

function requestLines(file: string): string[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.includes('"event":"request"'))
}

async function plumbingAfter(file: string, seen: number): Promise<string> {
  for (let tries = 0; tries < 100; tries++) {
    const line = requestLines(file)[seen]
    if (line !== undefined)
      return /"switchyard\.plumbing":"([^"]+)"/.exec(line)?.[1] ?? 'not streamed'
    await sleep(20)
  }
  return 'no log line'
}
