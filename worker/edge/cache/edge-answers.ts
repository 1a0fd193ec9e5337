import type { AnswerPort, KeepingRules, KeptAnswer, Question } from '../../engine/answer-port.ts'
import { type Hmac, joined, type PepperSet } from '../access/digest.ts'
import { questionText } from './answer-key.ts'
import type { AnswerMemory } from './answer-memory.ts'
import { seal, unseal } from './sealed.ts'

/** As much of the runtime's Cache as is used. */
export interface PlaceCache {
  match(url: string): Promise<Response | undefined>
  put(url: string, response: Response): Promise<void>
}

/** The cache of the place where this runs; null where there is none. */
export function openPlaceCache(): Promise<PlaceCache> | null {
  return typeof caches === 'undefined' ? null : caches.open('switchyard-answers')
}

export interface AnswersHost {
  nowMs(): number
  readonly memory: AnswerMemory
  readonly peppers: PepperSet
  readonly hmac: Hmac
  /**
   * The cache of the place where this runs. Null keeps answers in the memory of the isolate alone: so for pinned tenants,
   * because the Cache API knows no jurisdictions, and the isolate is where the request may be.
   */
  openCache(): Promise<PlaceCache> | null
}

/**
 * Whole answers, in the memory of the isolate and in the cache of its place. Both go by a digest under the pepper that
 * begins with the tenant: nobody finds another's answer, nor learns from the cache what was asked. In the cache they
 * are sealed with a key that only the same question gives.
 */
export class EdgeAnswers implements AnswerPort {
  readonly #host: AnswersHost

  constructor(host: AnswersHost) {
    this.#host = host
  }

  async find(question: Question): Promise<KeptAnswer | null> {
    const { memory } = this.#host
    const text = questionText(question)
    const id = await this.#digest('name', text)
    const nowMs = this.#host.nowMs()
    const near = memory.find(id, nowMs)
    if (near !== null) return JSON.parse(near) as KeptAnswer
    const far = await this.#inCache(id, text)
    if (far === null || far.expiresAtMs <= nowMs) return null
    memory.keep(id, question.tenant, far.text, far.expiresAtMs)
    return JSON.parse(far.text) as KeptAnswer
  }

  async keep(question: Question, answer: KeptAnswer, rules: KeepingRules): Promise<void> {
    const answerText = JSON.stringify(answer)
    if (byteLength(answerText) > rules.maxAnswerBytes) return
    const text = questionText(question)
    const id = await this.#digest('name', text)
    const expiresAtMs = answer.madeAtMs + rules.ttlMs
    this.#host.memory.keep(id, question.tenant, answerText, expiresAtMs)
    const cache = this.#host.openCache()
    if (cache === null) return
    try {
      const key = await this.#digest('seal', text)
      const body = await seal(JSON.stringify({ expiresAtMs, text: answerText }), key)
      const maxAgeS = Math.floor(rules.ttlMs / 1000)
      const headers = { 'cache-control': `max-age=${maxAgeS}` }
      await (await cache).put(urlOf(id), new Response(body, { headers }))
    } catch {
      // It is in memory; the next isolate asks again.
    }
  }

  async #inCache(id: string, text: string): Promise<Sealed | null> {
    const cache = this.#host.openCache()
    if (cache === null) return null
    try {
      const response = await (await cache).match(urlOf(id))
      if (response === undefined) return null
      const bytes = new Uint8Array(await response.arrayBuffer())
      return JSON.parse(await unseal(bytes, await this.#digest('seal', text))) as Sealed
    } catch {
      return null
    }
  }

  #digest(purpose: 'name' | 'seal', text: string): Promise<string> {
    const { peppers, hmac } = this.#host
    return hmac(peppers.peppers[peppers.current] ?? '', joined(['answer', purpose, text]))
  }
}

interface Sealed {
  readonly expiresAtMs: number
  readonly text: string
}

/** No host answers there: it is only a name in the cache. */
function urlOf(id: string): string {
  return `https://answers.switchyard.invalid/${id}`
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).byteLength
}
