/** A Worker has six connections that wait for headers; a seventh call would only queue behind them. */
const callsAtOnce = 6

/** An object that does not answer within this is not waited for, ms. */
const answerWithinMs = 5000

export interface Asked<Of, Reply> {
  readonly of: Of
  readonly failed: boolean
  /** Null when it failed. */
  readonly reply: Reply | null
}

/** Asks every one, at most six at once, and answers in their order; who does not answer has failed. */
export async function askAll<Of, Reply>(
  all: readonly Of[],
  ask: (of: Of) => Promise<Reply>,
): Promise<readonly Asked<Of, Reply>[]> {
  const answers: Asked<Of, Reply>[] = []
  const waiting = all.entries()
  const lane = async () => {
    for (const [index, of] of waiting) answers[index] = await askOne(of, ask)
  }
  await Promise.all(Array.from({ length: Math.min(callsAtOnce, all.length) }, lane))
  return answers
}

async function askOne<Of, Reply>(
  of: Of,
  ask: (of: Of) => Promise<Reply>,
): Promise<Asked<Of, Reply>> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), answerWithinMs)
  })
  try {
    return { of, failed: false, reply: await Promise.race([ask(of), late]) }
  } catch {
    return { of, failed: true, reply: null }
  } finally {
    clearTimeout(timer)
  }
}
