import { expect, it } from 'vitest'
import { Sender } from '../../../worker/engine/leg.ts'
import type { Admission, CallSeen } from '../../../worker/engine/money-port.ts'
import {
  billing,
  chatRequest,
  FakeHost,
  json,
  plannedStep,
  wholeAnswer,
} from '../../support/fake-host.ts'

it('sends nothing after a fault of ours that was still being paid for, and gives the money back', async () => {
  const host = new FakeHost().on('openai', json(wholeAnswer))
  const settled: CallSeen[] = []
  let admit: (given: Admission) => void = () => undefined
  const asked = new Promise<Admission>((resolve) => {
    admit = resolve
  })
  const money = { ...host.ports.money, admit: () => asked }
  const limits = {
    firstTokenTimeoutMs: 1000,
    answerTimeoutMs: 1000,
    deadlineAtMs: host.clock.nowMs + 60_000,
    maxAttempts: 3,
    promptTokens: 1,
    billing,
  }
  const sender = new Sender(chatRequest(), limits, () => false, { ...host.ports, money })
  const sending = sender.send(plannedStep('gpt-4.1@openai'), 1, 0)
  sender.abandon()
  const account = { settle: (seen: CallSeen) => void settled.push(seen) }
  admit({
    kind: 'admitted',
    account,
    maxOutputTokens: null,
    isShorter: false,
  } as unknown as Admission)
  expect(await sending).toBeNull()
  expect(settled).toMatchObject([{ ending: 'not_sent' }])
  expect(host.calls).toEqual([])
})
