import type {
  HealthReply,
  HealthReport,
} from '../../../durable-objects/provider-health/protocol.ts'
import type { Random } from '../kernel/random.ts'
import type { Timeline } from '../kernel/timeline.ts'

/** How messages between isolates and objects fare. Shares of all messages, 0 to 1. */
export interface NetworkWeather {
  readonly medianDelayMs: number
  /** Gone on the way, in either direction. */
  readonly lost: number
  /** The report comes twice, as when the runtime asks again. */
  readonly duplicated: number
  /** Comes up to 15 s late. */
  readonly late: number
  /** The call throws although the report arrives. */
  readonly brokenOff: number
}

/** An ordinary day: one message in a thousand is lost, and as many come twice, late, or after their call was given up. */
export const fairNetwork: NetworkWeather = {
  medianDelayMs: 20,
  lost: 0.001,
  duplicated: 0.001,
  late: 0.001,
  brokenOff: 0.001,
}

/** A day on which every message comes, once and in time. */
export const calmNetwork: NetworkWeather = {
  ...fairNetwork,
  lost: 0,
  duplicated: 0,
  late: 0,
  brokenOff: 0,
}

/** Takes a report in; null when it was killed over it. */
export type TakeReport = (report: HealthReport) => HealthReply | null

/** Carries reports to objects and replies back, with all that networks do to messages. */
export class Network {
  weather: NetworkWeather
  readonly #timeline: Timeline
  readonly #random: Random
  /** Messages as JSON, as on the wire: costs time. */
  readonly #isStrict: boolean

  constructor(timeline: Timeline, random: Random, weather: NetworkWeather, isStrict: boolean) {
    this.#timeline = timeline
    this.#random = random
    this.weather = weather
    this.#isStrict = isStrict
  }

  /** One call of the object. It settles once, or never: there are calls of which nothing is heard again. */
  send(report: HealthReport, take: TakeReport, isCutOff: () => boolean): Promise<HealthReply> {
    const { lost, duplicated, brokenOff } = this.weather
    return new Promise((resolve, reject) => {
      const fail = () => {
        this.#timeline.settle()
        reject(new Error('the object could not be reached'))
      }
      const answer = (reply: HealthReply) => {
        if (isCutOff()) return
        this.#timeline.settle()
        resolve(reply)
      }
      if (isCutOff() || this.#random.chance(lost)) {
        if (this.#random.chance(neverHeardOf)) return
        this.#timeline.after(this.#random.between(1000, callTimeoutMs), fail)
        return
      }
      if (this.#random.chance(brokenOff)) this.#timeline.after(this.#random.between(50, 500), fail)
      this.#deliver(report, take, answer, fail)
      if (this.#random.chance(duplicated)) this.#deliver(report, take, answer, fail)
    })
  }

  #deliver(
    report: HealthReport,
    take: TakeReport,
    answer: (reply: HealthReply) => void,
    fail: () => void,
  ): void {
    this.#timeline.after(this.#delayMs(), () => {
      const reply = take(this.#isStrict ? overTheWire(report) : report)
      const backMs = this.#delayMs()
      if (reply === null) this.#timeline.after(backMs, fail)
      else if (!this.#random.chance(this.weather.lost))
        this.#timeline.after(backMs, () => answer(this.#isStrict ? overTheWire(reply) : reply))
    })
  }

  #delayMs(): number {
    const { medianDelayMs, late } = this.weather
    const delayMs = this.#random.logNormal(medianDelayMs, 0.5)
    return this.#random.chance(late) ? delayMs + this.#random.between(500, 15_000) : delayMs
  }
}

function overTheWire<Message>(message: Message): Message {
  return JSON.parse(JSON.stringify(message)) as Message
}

/** When the runtime gives a call up at last, ms. */
const callTimeoutMs = 9000

/** Of the calls that come to nothing: those that not even fail. */
const neverHeardOf = 0.2
