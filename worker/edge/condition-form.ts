import { compileGlobs, type Matcher } from '../policy/glob.ts'
import { between, wordsOf } from '../policy/predicates.ts'
import { dataClasses, sizes } from '../policy/request-facts.ts'
import { listFacts, numberFacts, type Condition, type TextTest } from '../policy/rule.ts'

/** Patterns of which one has to match. */
interface Patterns {
  readonly texts: readonly string[]
  readonly match: Matcher
}

/** A test of one word: the words it can be, or (null) any word, that has to match one of each of `globs`. */
interface WordForm {
  readonly kind: 'word'
  readonly words: ReadonlySet<string> | null
  readonly globs: readonly Patterns[]
}

/** Tests of a list of words; each is met by a word of its own. */
interface ListForm {
  readonly kind: 'list'
  readonly tests: readonly WordForm[]
}

/** A number between these; where `only` is a set, one of that. */
interface NumberForm {
  readonly kind: 'number'
  readonly from: number
  readonly to: number
  readonly only: ReadonlySet<number> | null
}

type FactForm = WordForm | ListForm | NumberForm

/** A condition with everything of its `all` laid together, fact by fact; `tags.x` is the fact of a tag. */
export interface ConditionForm {
  readonly facts: ReadonlyMap<string, FactForm>
  readonly any: readonly (readonly ConditionForm[])[]
  readonly not: readonly ConditionForm[]
  /** All facts that it asks for, however deep. */
  readonly names: ReadonlySet<string>
}

export function formOf(condition: Condition): ConditionForm {
  const facts = new Map<string, FactForm>()
  const any: ConditionForm[][] = []
  const not: ConditionForm[] = []
  const visit = (part: Condition): void => {
    const { all = [], any: ways, not: other, tags = {}, ...tests } = part
    const tagged = Object.entries(tags).map(([tag, test]) => [`tags.${tag}`, test] as const)
    for (const [name, test] of [...Object.entries(tests), ...tagged])
      if (test !== undefined) facts.set(name, together(facts.get(name), factForm(name, test)))
    if (ways !== undefined) any.push(ways.map(formOf))
    if (other !== undefined) not.push(formOf(other))
    for (const one of all) visit(one)
  }
  visit(condition)
  const inner = [...any.flat(), ...not].flatMap(({ names }) => [...names])
  return { facts, any, not, names: new Set([...facts.keys(), ...inner]) }
}

type AnyTest = TextTest | number | boolean | { readonly range: object } | { in: readonly number[] }

function factForm(name: string, test: AnyTest): FactForm {
  if ((numberFacts as readonly string[]).includes(name)) return numberForm(test)
  const form = wordForm(name, test)
  const isList = (listFacts as readonly string[]).includes(name)
  return isList ? { kind: 'list', tests: [form] } : form
}

function wordForm(name: string, test: AnyTest): WordForm {
  if (typeof test === 'object' && 'range' in test) {
    const order = name === 'size' ? sizes : dataClasses
    return { kind: 'word', words: new Set(between(order, test.range)), globs: [] }
  }
  const text = typeof test === 'boolean' ? String(test) : (test as TextTest)
  const words = wordsOf(text)
  if (words !== null) return { kind: 'word', words: new Set(words), globs: [] }
  const { glob } = text as { readonly glob: string | readonly string[] }
  const texts = typeof glob === 'string' ? [glob] : glob
  return { kind: 'word', words: null, globs: [{ texts, match: compileGlobs(texts) }] }
}

function numberForm(test: AnyTest): NumberForm {
  if (typeof test === 'number')
    return { kind: 'number', from: test, to: test, only: new Set([test]) }
  if (typeof test === 'object' && 'in' in test) {
    const only = new Set(test.in as readonly number[])
    return { kind: 'number', from: 0, to: Infinity, only }
  }
  const { from = 0, to = Infinity } = (test as { range: { from?: number; to?: number } }).range
  return { kind: 'number', from, to, only: null }
}

/** Both have to hold. */
function together(before: FactForm | undefined, own: FactForm): FactForm {
  if (before === undefined) return own
  if (before.kind === 'word' && own.kind === 'word') return wordsTogether(before, own)
  if (before.kind === 'number' && own.kind === 'number') return numbersTogether(before, own)
  if (before.kind === 'list' && own.kind === 'list')
    return { kind: 'list', tests: [...before.tests, ...own.tests] }
  throw new Error('tests of two kinds on one fact')
}

function wordsTogether(one: WordForm, other: WordForm): WordForm {
  const globs = [...one.globs, ...other.globs]
  const known = one.words ?? other.words
  if (known === null) return { kind: 'word', words: null, globs }
  const words = [...known].filter(
    (word) => (other.words?.has(word) ?? true) && globs.every(({ match }) => match(word)),
  )
  return { kind: 'word', words: new Set(words), globs }
}

function numbersTogether(one: NumberForm, other: NumberForm): NumberForm {
  const from = Math.max(one.from, other.from)
  const to = Math.min(one.to, other.to)
  const known = one.only ?? other.only
  if (known === null) return { kind: 'number', from, to, only: null }
  const only = [...known].filter(
    (value) => value >= from && value <= to && (other.only?.has(value) ?? true),
  )
  return { kind: 'number', from, to, only: new Set(only) }
}

/** No request can meet it. */
function isEmpty(form: FactForm): boolean {
  if (form.kind === 'list') return form.tests.some(isEmpty)
  if (form.kind === 'word') return form.words?.size === 0
  return form.only === null ? form.from > form.to : form.only.size === 0
}

/** Whenever `one` holds, `other` does too. False where that is not sure. */
export function implies(one: ConditionForm, other: ConditionForm): boolean {
  for (const [name, wide] of other.facts) {
    const narrow = one.facts.get(name)
    if (narrow === undefined || !factImplies(narrow, wide)) return false
  }
  return (
    other.any.every(
      (ways) =>
        ways.some((way) => implies(one, way)) ||
        one.any.some((own) => own.every((part) => ways.some((way) => implies(part, way)))),
    ) && other.not.every((none) => one.not.some((own) => implies(none, own)) || excludes(one, none))
  )
}

function factImplies(narrow: FactForm, wide: FactForm): boolean {
  if (narrow.kind === 'word' && wide.kind === 'word') return wordImplies(narrow, wide)
  if (narrow.kind === 'number' && wide.kind === 'number') return numberImplies(narrow, wide)
  if (narrow.kind === 'list' && wide.kind === 'list')
    return wide.tests.every((test) => narrow.tests.some((own) => wordImplies(own, test)))
  return false
}

function wordImplies({ words, globs }: WordForm, wide: WordForm): boolean {
  const { words: all } = wide
  if (words !== null)
    return [...words].every(
      (word) => (all?.has(word) ?? true) && wide.globs.every(({ match }) => match(word)),
    )
  if (all !== null) return false
  // A star of the narrow pattern is taken for a character: only a star of the wide one can match it, whatever it stands for.
  return wide.globs.every(({ match }) =>
    globs.some(({ texts }) => texts.every((one) => match(one))),
  )
}

function numberImplies({ from, to, only }: NumberForm, wide: NumberForm): boolean {
  if (only !== null)
    return [...only].every(
      (value) => value >= wide.from && value <= wide.to && (wide.only?.has(value) ?? true),
    )
  return wide.only === null && from >= wide.from && to <= wide.to
}

/** No request meets both. False where that is not sure. */
function excludes(one: ConditionForm, other: ConditionForm): boolean {
  for (const [name, test] of other.facts) {
    const own = one.facts.get(name)
    if (own !== undefined && own.kind === test.kind && isEmpty(together(own, test))) return true
  }
  return (
    other.any.some((ways) => ways.every((way) => excludes(one, way))) ||
    other.not.some((none) => implies(one, none))
  )
}

/** Why no request can ever meet it, or null where none is found. */
export function neverHolds(form: ConditionForm): readonly string[] {
  const facts = [...form.facts].flatMap(([name, test]) =>
    isEmpty(test) ? [`its tests of "${name}" exclude one another`] : [],
  )
  const isDenied = form.not.some((none) => implies(form, none))
  const hasNoWay = form.any.some((ways) =>
    ways.every((way) => neverHolds(way).length > 0 || excludes(form, way)),
  )
  return [
    ...facts,
    ...(isDenied ? ['its "not" leaves out all that it asks for'] : []),
    ...(hasNoWay ? ['it leaves out everything in its "any"'] : []),
  ]
}

/** A request whose fact `name` is `word` may meet it, as far as this fact goes. */
export function mayBe({ facts }: ConditionForm, name: string, word: string): boolean {
  const form = facts.get(name)
  if (form === undefined || form.kind !== 'word') return true
  return (form.words?.has(word) ?? true) && form.globs.every(({ match }) => match(word))
}
