/**
 * Rules of `.oxlintrc.json` that no linter has. Money is never a float, and SQL has bound parameters only; both go by
 * names: what holds money is called `...NanoUsd`, and a text that begins like a statement is one. And the Worker reads
 * with the small zod.
 */

/** As much of a syntax tree (ESTree) as is looked at. */
interface Node {
  readonly type: string
  readonly [field: string]: unknown
}

interface Context {
  report(finding: { readonly node: Node; readonly message: string }): void
}

type Rule = { create(context: Context): Record<string, (node: Node) => void> }

const arithmetic = new Set(['+', '-', '*', '/', '%', '**'])
const assigning = new Set(['+=', '-=', '*=', '/=', '%=', '**='])

/** `a.costNanoUsd`, `costNanoUsd`, `(costNanoUsd ?? 0)`. */
function isMoney(node: Node | undefined): boolean {
  switch (node?.type) {
    case 'Identifier':
      return String(node['name']).endsWith('NanoUsd')
    case 'MemberExpression':
      return isMoney(node['property'] as Node)
    case 'LogicalExpression':
      return isMoney(node['left'] as Node)
    default:
      return false
  }
}

/** Arithmetic on amounts goes through `money.ts`, where it is checked; nothing is called an amount that was not. */
const integerMoney: Rule = {
  create(context) {
    const check = (operators: ReadonlySet<string>) => (node: Node) => {
      if (!operators.has(String(node['operator']))) return
      if (!isMoney(node['left'] as Node) && !isMoney(node['right'] as Node)) return
      const message = `money is an integer: use money.ts instead of "${String(node['operator'])}"`
      context.report({ node, message })
    }
    return {
      BinaryExpression: check(arithmetic),
      AssignmentExpression: check(assigning),
      TSAsExpression(node) {
        const named = (node['typeAnnotation'] as Node)['typeName'] as Node | undefined
        if (named?.['name'] !== 'NanoUsd') return
        context.report({ node, message: 'a number becomes money in money.ts only: nanoUsd(n)' })
      },
    }
  },
}

const statementForm = /^\s*(SELECT|INSERT|REPLACE|UPDATE|DELETE|CREATE|ALTER|DROP|WITH|PRAGMA)\s/

function beginsLikeSql(node: Node): boolean {
  if (node.type === 'Literal') return statementForm.test(String(node['value']))
  if (node.type !== 'TemplateLiteral') return false
  const [first] = node['quasis'] as readonly Node[]
  const { cooked } = (first?.['value'] ?? {}) as { readonly cooked?: string }
  // `${verb} INTO` begins with what is filled in.
  const rest = (node['quasis'] as readonly Node[])[1]?.['value'] as { cooked?: string } | undefined
  return (
    statementForm.test(cooked ?? '') ||
    (cooked === '' && rest?.cooked?.startsWith(' INTO ') === true)
  )
}

/** No value is written into a statement: it is bound. */
const boundSql: Rule = {
  create(context) {
    const message = 'values of a statement are bound (?), never written into it'
    return {
      TemplateLiteral(node) {
        if ((node['expressions'] as readonly Node[]).length > 0 && beginsLikeSql(node))
          context.report({ node, message })
      },
      BinaryExpression(node) {
        if (node['operator'] === '+' && beginsLikeSql(node['left'] as Node))
          context.report({ node, message })
      },
    }
  },
}

/**
 * Methods of its schemas make `zod` three times as large as `zod/mini`: 20 kB of the bundle, compressed, and a third of
 * a start. And a namespace inside of the namespace, used as a value, brings all that is in it: 70 kB.
 */
const smallZod: Rule = {
  create(context) {
    return {
      ImportDeclaration(node) {
        if ((node['source'] as Node)['value'] === 'zod')
          context.report({
            node,
            message: "import * as z from 'zod/mini': zod itself is too large",
          })
      },
      MemberExpression(node) {
        const [object, property] = [node['object'] as Node, node['property'] as Node]
        if (object['name'] !== 'z' || !inner.has(String(property['name']))) return
        const message = `import what you need of z.${String(property['name'])} by name: it is too large`
        context.report({ node, message })
      },
    }
  },
}

const inner = new Set(['core', 'locales', 'util'])

export default {
  meta: { name: 'switchyard' },
  rules: { 'integer-money': integerMoney, 'bound-sql': boundSql, 'small-zod': smallZod },
}
