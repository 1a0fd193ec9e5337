/** Runs `settle` for the first of several endings; whoever comes later is ignored. */
export function settleOnce<T>(settle: (ending: T) => void): (ending: T) => void {
  let settled = false
  return (ending) => {
    if (settled) return
    settled = true
    settle(ending)
  }
}
