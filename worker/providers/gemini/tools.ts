import type { CanonicalRequest, FunctionTool, JsonObject } from '../../canonical/request.ts'
import { objectOf, present } from '../json-values.ts'

/** `tools`: all functions in one entry, Google's own tools each as the caller wrote it. */
export function toolsOf(request: CanonicalRequest): readonly JsonObject[] | undefined {
  const declarations: JsonObject[] = []
  const native: JsonObject[] = []
  for (const tool of request.tools ?? []) {
    if (tool.kind === 'function') declarations.push(declarationOf(tool))
    else if (tool.raw.wire === 'gemini') native.push(objectOf(tool.raw.value) ?? {})
  }
  // Mode NONE forbids functions only: Google's own tools would still run.
  const kept = request.toolChoice?.type === 'none' ? [] : native
  const functions = declarations.length === 0 ? [] : [{ functionDeclarations: declarations }]
  return functions.length + kept.length === 0 ? undefined : [...functions, ...kept]
}

/** `parametersJsonSchema` takes JSON schema as it is; the older `parameters` is OpenAPI's dialect of it. */
function declarationOf(tool: FunctionTool): JsonObject {
  const extensions = tool.extensions?.wire === 'gemini' ? objectOf(tool.extensions.value) : {}
  const ownSchema = extensions !== undefined && 'parameters' in extensions
  return present({
    ...extensions,
    name: tool.name,
    description: tool.description,
    parametersJsonSchema: ownSchema ? undefined : tool.parameters,
  })
}

/**
 * `toolConfig`. Allowed names go with ANY, or with VALIDATED where the model may
 * also answer in text (https://ai.google.dev/gemini-api/docs/function-calling, 2026-11-20).
 */
export function toolConfigOf(request: CanonicalRequest, own: unknown): JsonObject | undefined {
  const calling = callingConfig(request)
  const config = objectOf(own)
  if (calling === undefined) return config
  return {
    ...config,
    functionCallingConfig: { ...objectOf(config?.['functionCallingConfig']), ...calling },
  }
}

function callingConfig({ toolChoice, tools }: CanonicalRequest): JsonObject | undefined {
  // Google refuses the setting where no function is declared.
  if (toolChoice === undefined || !(tools ?? []).some((tool) => tool.kind === 'function'))
    return undefined
  switch (toolChoice.type) {
    case 'auto':
      return { mode: 'AUTO' }
    case 'none':
      return { mode: 'NONE' }
    case 'required':
      return { mode: 'ANY' }
    case 'tool':
      return { mode: 'ANY', allowedFunctionNames: [toolChoice.name] }
    case 'allowed':
      return {
        mode: toolChoice.mode === 'required' ? 'ANY' : 'VALIDATED',
        allowedFunctionNames: toolChoice.names,
      }
  }
}
