/** What callgrind wrote (valgrind.org/docs/manual/cl-format.html), as costs of functions. Pure. */

export interface FunctionCost {
  readonly name: string
  /** Instructions of its own. */
  readonly own: number
  /** With those of everything that it calls. */
  readonly all: number
}

/** A place in memory, and what the engine compiled to it. */
export interface CodeRange {
  readonly start: number
  readonly bytes: number
  readonly name: string
}

/** Functions of a profile whose costs are counts of instructions, the dearest first. */
export function readProfile(text: string): FunctionCost[] {
  const costs = new Map<string, { own: number; called: number }>()
  const names = new Map<string, string>()
  let current: { own: number; called: number } | null = null
  let isCall = false
  for (const line of text.split('\n')) {
    if (line.startsWith('fn=')) {
      const name = nameIn(line.slice(3), names)
      current = costs.get(name) ?? { own: 0, called: 0 }
      costs.set(name, current)
    } else if (line.startsWith('cfn=')) nameIn(line.slice(4), names)
    else if (line.startsWith('calls=')) isCall = true
    else if (current !== null && /^[\d+*-]/.test(line)) {
      const cost = Number(line.split(' ')[1] ?? 0)
      if (isCall) current.called += cost
      else current.own += cost
      isCall = false
    }
  }
  return [...costs]
    .map(([name, { own, called }]) => ({ name, own, all: own + called }))
    .toSorted((a, b) => b.all - a.all)
}

/** `(12) name` gives a number its name, `(12)` stands for it from then on. */
function nameIn(written: string, names: Map<string, string>): string {
  const [, number = '', name] = /^\((\d+)\)(?: (.*))?$/.exec(written) ?? []
  if (name !== undefined) names.set(number, name)
  return names.get(number) ?? written
}

/** The engine's list of what it compiled (`--perf-basic-prof`): start and size in hexadecimal, then the name. */
export function readCodeMap(text: string): CodeRange[] {
  return text
    .split('\n')
    .flatMap((line): CodeRange[] => {
      const [, start, bytes, name] = /^([0-9a-f]+) ([0-9a-f]+) (.+)$/.exec(line) ?? []
      if (start === undefined || bytes === undefined || name === undefined) return []
      return [{ start: Number.parseInt(start, 16), bytes: Number.parseInt(bytes, 16), name }]
    })
    .toSorted((a, b) => a.start - b.start)
}

/**
 * Functions of the gateway's own, which callgrind knows by their addresses alone. Code that was compiled more than once
 * stands under one name.
 */
export function namedCode(
  costs: readonly FunctionCost[],
  ranges: readonly CodeRange[],
): FunctionCost[] {
  const found = new Map<string, FunctionCost>()
  for (const { name: address, own, all } of costs) {
    if (!/^0x[0-9a-f]+$/.test(address)) continue
    const name = codeAt(Number.parseInt(address, 16), ranges)
    if (name === null) continue
    const before = found.get(name)
    found.set(name, { name, own: own + (before?.own ?? 0), all: all + (before?.all ?? 0) })
  }
  return [...found.values()].toSorted((a, b) => b.all - a.all)
}

function codeAt(address: number, ranges: readonly CodeRange[]): string | null {
  // The last one that was put there: memory of old code is used again.
  const at = ranges.findLast(({ start, bytes }) => start <= address && address < start + bytes)
  const name =
    at === undefined ? undefined : /^JS:[~*^+']*(.*?) ?(?:file:|\/)?\S*?:(\d+):\d+$/.exec(at.name)
  return name === null || name === undefined
    ? null
    : `${name[1] === '' ? '(anonymous)' : name[1]} :${name[2]}`
}
