import { describe, expect, it } from 'vitest'
import { parseReplay, type Replay } from '../../../simulator/replays.ts'
import { SimulatorState } from '../../../simulator/state.ts'

const state = () => new SimulatorState({ firstByteMs: 0, perChunkMs: 0 }, 1)

function replay(text: string, more: Record<string, string | number> = {}): Replay {
  const read = parseReplay({ provider: 'openai', status: 200, body: text, ...more })
  if ('field' in read) throw new Error(`${read.field} ${read.message}`)
  return read
}

const textOf = (taken: ReturnType<SimulatorState['takeReplay']>) =>
  taken === null ? null : new TextDecoder().decode(taken.replay.bytes)

describe('SimulatorState.takeReplay()', () => {
  it('answers every next call until a newer replay takes its place', () => {
    const simulator = state()
    simulator.addReplay(replay('one'))
    expect([1, 2].map(() => textOf(simulator.takeReplay('openai', 'm')))).toEqual(['one', 'one'])
    simulator.addReplay(replay('two'))
    expect(textOf(simulator.takeReplay('openai', 'm'))).toBe('two')
    expect(simulator.replayIds).toHaveLength(1)
  })

  it('takes those with times first, oldest first, then the standing one again', () => {
    const simulator = state()
    simulator.addReplay(replay('standing'))
    simulator.addReplay(replay('first', { times: 1 }))
    simulator.addReplay(replay('second', { times: 1 }))
    const heard = [1, 2, 3, 4].map(() => textOf(simulator.takeReplay('openai', 'm')))
    expect(heard).toEqual(['first', 'second', 'standing', 'standing'])
  })

  it('keeps replays of other models and providers apart', () => {
    const simulator = state()
    simulator.addReplay(replay('any'))
    simulator.addReplay(replay('of m', { model: 'm' }))
    simulator.addReplay(replay('elsewhere', { provider: 'groq' }))
    expect(textOf(simulator.takeReplay('openai', 'm'))).toBe('of m')
    expect(textOf(simulator.takeReplay('openai', 'n'))).toBe('any')
    expect(simulator.takeReplay('mistral', 'm')).toBeNull()
  })
})

describe('parseReplay()', () => {
  it('joins header values that were recorded as a list, and leaves framing to the runtime', () => {
    const read = parseReplay({
      provider: 'openai',
      headers: { via: ['a', 'b'], 'x-count': 3, 'Content-Length': '9' },
      body: '',
    })
    expect(read).toMatchObject({ headers: { via: 'a, b', 'x-count': '3' } })
    expect(read).not.toHaveProperty(['headers', 'Content-Length'])
  })
})
