/** What a template may say of the request that it answers. */
export const templateFields = ['requestId', 'route', 'model', 'retryAfterS'] as const
export type TemplateField = (typeof templateFields)[number]

export type TemplatePart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'field'; readonly field: TemplateField }

export type ParsedTemplate =
  | { readonly ok: true; readonly parts: readonly TemplatePart[] }
  | { readonly ok: false; readonly rule: string; readonly value: string }

const pieces = /\{\{|\}\}|\{([^{}]*)\}|[{}]/g

/** Reads a fixed text with named fields in braces; `{{` and `}}` are braces. There is nothing else in it: no code. */
export function parseTemplate(text: string): ParsedTemplate {
  const parts: TemplatePart[] = []
  let at = 0
  const literal = (more: string) => {
    if (more !== '') parts.push({ kind: 'text', text: more })
  }
  for (const match of text.matchAll(pieces)) {
    const [piece, name] = match
    literal(text.slice(at, match.index))
    at = match.index + piece.length
    if (piece === '{{' || piece === '}}') literal(piece.slice(1))
    else if (name === undefined)
      return { ok: false, rule: 'a brace of the text itself is written twice', value: piece }
    else if (isField(name)) parts.push({ kind: 'field', field: name })
    else {
      const rule = `names a field that is not one of ${templateFields.join(', ')}`
      return { ok: false, rule, value: name }
    }
  }
  literal(text.slice(at))
  return { ok: true, parts }
}

function isField(name: string): name is TemplateField {
  return (templateFields as readonly string[]).includes(name)
}

/** Values stand as they are: a brace in one of them means nothing. */
export function fillTemplate(
  parts: readonly TemplatePart[],
  values: Readonly<Record<TemplateField, string>>,
): string {
  return parts.map((part) => (part.kind === 'text' ? part.text : values[part.field])).join('')
}
