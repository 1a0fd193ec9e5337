import { describe, expect, it } from 'vitest'
import {
  anthropicMessages,
  parseCountTokens,
} from '../../../../worker/dialects/anthropic-messages/index.ts'

const user = { role: 'user', content: 'x' }

function parsed(more: object) {
  const result = anthropicMessages.parse({ model: 'm', max_tokens: 9, messages: [user], ...more })
  if (!result.ok) throw new Error(result.error.message)
  return result.value
}

function blocks(role: string, content: readonly object[]) {
  return parsed({ messages: [{ role, content }] }).messages[0]?.content
}

function block(content: object) {
  return { messages: [{ role: 'user', content: [content] }] }
}

describe('parse() of anthropic-messages', () => {
  it('reads the smallest body', () => {
    expect(parsed({})).toEqual({
      model: 'm',
      messages: [{ role: 'user', content: [{ type: 'text', text: 'x' }] }],
      sampling: {},
      maxOutputTokens: 9,
      stream: false,
      includeUsage: true,
      includeCost: false,
    })
  })

  it.each([
    ['max_tokens', { max_tokens: undefined }, 'is required'],
    ['max_tokens', { max_tokens: -1 }, 'must be at least 0'],
    ['messages', { messages: [] }, 'at least 1 item'],
    ['messages[0].role', { messages: [{ role: 'tool', content: 'x' }] }, 'but is "tool"'],
    ['messages[0].content[0].type', block({ type: 'hologram' }), 'but is "hologram"'],
    [
      'messages[0].content[0].source.media_type',
      block({ type: 'image', source: { type: 'base64', media_type: 'image/tiff', data: 'A' } }),
      'but is "image/tiff"',
    ],
    [
      'messages[0].content[0].source.url',
      block({ type: 'image', source: { type: 'url', url: 'gopher://x' } }),
      'must be an http(s) URL',
    ],
    [
      'messages[0].content[0].source.type',
      block({ type: 'document', source: { type: 'ftp' } }),
      'but is "ftp"',
    ],
    [
      'messages[0].content[0].input',
      block({ type: 'tool_use', id: 'a', name: 'b', input: '{}' }),
      'an object',
    ],
    ['messages[0].content[0].tool_use_id', block({ type: 'tool_result' }), 'is required'],
    [
      'messages[0].content[0].content[0].type',
      block({ type: 'tool_result', tool_use_id: 'a', content: [{ type: 'tool_use' }] }),
      'but is "tool_use"',
    ],
    [
      'messages[0].content[0].cache_control.ttl',
      block({ type: 'text', text: 'a', cache_control: { type: 'ephemeral', ttl: '2h' } }),
      'must be one of "5m", "1h", but is "2h"',
    ],
    ['temperature', { temperature: 1.5 }, 'must be at most 1'],
    ['thinking.type', { thinking: { type: 'hard' } }, 'but is "hard"'],
    [
      'thinking.budget_tokens',
      { thinking: { type: 'enabled', budget_tokens: 10 } },
      'at least 1024',
    ],
    ['output_config.effort', { output_config: { effort: 'extreme' } }, 'but is "extreme"'],
    ['tool_choice.type', { tool_choice: { type: 'required' } }, 'but is "required"'],
    ['tools[0].input_schema', { tools: [{ name: 'f' }] }, 'is required'],
    ['service_tier', { service_tier: 'flex' }, 'but is "flex"'],
    ['system', { system: 7 }, 'must be a string or an array'],
    ['stop_sequences', { stop_sequences: 'a' }, 'must be an array'],
  ])('refuses %s of %j', (param, more, rule) => {
    const result = anthropicMessages.parse({ model: 'm', max_tokens: 9, messages: [user], ...more })
    expect(result).toMatchObject({
      ok: false,
      error: { code: 'invalid_request', status: 400, param },
    })
    if (!result.ok) expect(result.error.message).toContain(rule)
  })

  it('reads blocks of every kind', () => {
    const server = { type: 'server_tool_use', id: 's', name: 'web_search', input: {} }
    expect(
      blocks('user', [
        { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'A' } },
        { type: 'image', source: { type: 'file', file_id: 'f' } },
        {
          type: 'document',
          source: { type: 'text', media_type: 'text/plain', data: 'd' },
          title: 't',
          context: 'c',
          citations: { enabled: true },
        },
        { type: 'document', source: { type: 'url', url: 'https://a.example/a.pdf' } },
        {
          type: 'tool_result',
          tool_use_id: 'a',
          is_error: true,
          content: [
            { type: 'text', text: 'r' },
            { type: 'image', source: { type: 'url', url: 'https://a.example/a.png' } },
          ],
          cache_control: { type: 'ephemeral' },
        },
        server,
      ]),
    ).toEqual([
      { type: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'A' } },
      { type: 'image', source: { kind: 'id', id: 'f', wire: 'anthropic-messages' } },
      {
        type: 'file',
        source: { kind: 'text', mediaType: 'text/plain', text: 'd' },
        name: 't',
        context: 'c',
        citations: true,
      },
      { type: 'file', source: { kind: 'url', url: 'https://a.example/a.pdf' } },
      {
        type: 'toolResult',
        toolCallId: 'a',
        isError: true,
        content: [
          { type: 'text', text: 'r' },
          { type: 'image', source: { kind: 'url', url: 'https://a.example/a.png' } },
        ],
        cache: {},
      },
      { type: 'opaque', raw: { wire: 'anthropic-messages', value: server } },
    ])
  })

  it('keeps calls and documents that say more than a canonical block as they are', () => {
    const own = [
      {
        type: 'tool_use',
        id: 'a',
        name: 'f',
        input: {},
        caller: { type: 'code_execution_20260120', tool_id: 's' },
      },
      { type: 'document', source: { type: 'content', content: [{ type: 'text', text: 'x' }] } },
    ]
    expect(blocks('assistant', own)).toEqual(
      own.map((value) => ({ type: 'opaque', raw: { wire: 'anthropic-messages', value } })),
    )
  })

  it.each([
    { tool_choice: { type: 'any' } },
    { tool_choice: { type: 'tool', name: 'f' }, tools: [] },
    { tool_choice: { type: 'tool', name: 'f' }, tools: [{ name: 'g', input_schema: {} }] },
  ])('refuses a choice that no tool can meet: %j', (more) => {
    expect(
      anthropicMessages.parse({ model: 'm', max_tokens: 5, messages: [user], ...more }),
    ).toMatchObject({ ok: false, error: { status: 400, param: 'tool_choice' } })
  })

  it('lets the tools of a server be chosen, which only it knows', () => {
    const mcp_servers = [{ type: 'url', name: 's', url: 'https://a.example' }]
    const tool_choice = { type: 'tool', name: 'f' }
    expect(parsed({ tool_choice, mcp_servers }).toolChoice).toEqual({ type: 'tool', name: 'f' })
    const tools = [{ type: 'mcp_toolset', mcp_server_name: 's' }]
    expect(parsed({ tool_choice, tools }).toolChoice).toEqual({ type: 'tool', name: 'f' })
  })

  it('reads system text, system blocks and later system messages', () => {
    const cache_control = { type: 'ephemeral', ttl: '5m' }
    expect(parsed({ system: 's' }).messages[0]).toEqual({
      role: 'system',
      content: [{ type: 'text', text: 's' }],
      field: 'system',
    })
    const request = parsed({
      system: [{ type: 'text', text: 's', cache_control }],
      messages: [user, { role: 'system', content: 'later' }],
    })
    expect(request.messages.map((message) => message.role)).toEqual(['system', 'user', 'system'])
    expect(request.messages[0]?.content).toEqual([
      { type: 'text', text: 's', cache: { ttl: '5m' } },
    ])
  })

  it('reads tools, server tools and the choice', () => {
    const server = { type: 'web_search_20260318', name: 'web_search', max_uses: 1 }
    const request = parsed({
      tools: [
        { name: 'f', input_schema: { type: 'object' }, strict: true, defer_loading: true },
        server,
      ],
      tool_choice: { type: 'any', disable_parallel_tool_use: true },
    })
    expect(request).toMatchObject({
      tools: [
        {
          kind: 'function',
          name: 'f',
          parameters: { type: 'object' },
          strict: true,
          extensions: { wire: 'anthropic-messages', value: { defer_loading: true } },
        },
        { kind: 'native', name: 'web_search', raw: { wire: 'anthropic-messages', value: server } },
      ],
      toolChoice: { type: 'required' },
      parallelToolCalls: false,
    })
  })

  it('reads thinking and output settings', () => {
    expect(
      parsed({ thinking: { type: 'enabled', budget_tokens: 2000, display: 'omitted' } }).reasoning,
    ).toEqual({ enabled: true, budgetTokens: 2000, hidden: true })
    expect(parsed({ thinking: { type: 'disabled' } }).reasoning).toEqual({ enabled: false })
    const format = { type: 'json_schema', schema: { type: 'object' } }
    const request = parsed({
      thinking: { type: 'adaptive' },
      output_config: { effort: 'max', format, task_budget: { total: 1 } },
    })
    expect(request).toMatchObject({
      reasoning: { enabled: true, adaptive: true, effort: 'max' },
      responseFormat: { type: 'jsonSchema', schema: { type: 'object' } },
      extensions: { 'anthropic-messages': { output_config: { task_budget: { total: 1 } } } },
    })
    expect(parsed({ output_format: format }).responseFormat).toEqual(request.responseFormat)
  })

  it('carries what only this wire knows and names what it leaves out', () => {
    const mcp_servers = [{ type: 'url', url: 'https://a.example/mcp', name: 'a' }]
    const request = parsed({
      mcp_servers,
      container: 'c',
      context_management: { edits: [] },
      metadata: { user_id: 'u', team: 't' },
      messages: [{ role: 'user', content: [{ type: 'text', text: 'x', mood: 1 }] }],
    })
    expect(request.userId).toBe('u')
    expect(request.ignored).toEqual(['metadata.team', 'messages[0].content[0].mood'])
    expect(request.extensions).toEqual({
      'anthropic-messages': { mcp_servers, container: 'c', context_management: { edits: [] } },
    })
  })
})

describe('parseCountTokens()', () => {
  it('reads a body without max_tokens', () => {
    expect(parseCountTokens({ model: 'm', messages: [user], system: 's' })).toMatchObject({
      ok: true,
      value: { messages: [{ role: 'system' }, { role: 'user' }], stream: false },
    })
    expect(parseCountTokens({ model: 'm' })).toMatchObject({
      ok: false,
      error: { param: 'messages' },
    })
  })
})
