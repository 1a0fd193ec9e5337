import { describe, expect, it } from 'vitest'
import type { HealthReport } from '../../../durable-objects/provider-health/protocol.ts'
import { a, b, row, World } from './support.ts'

const judged = (world: World) => world.find(`target:${a}`)?.evidence?.judged ?? 0

describe('a report', () => {
  it('counts once, however often it comes, and is answered each time', () => {
    const world = new World()
    const report = world.next({ rows: [row('ok', 3)], haveBoot: 'boot' })
    for (let time = 0; time < 3; time += 1) {
      const effects = world.take({ kind: 'report', report })
      expect(effects.map(({ kind }) => kind)).toEqual(['reply'])
    }
    expect(judged(world)).toBe(3)
  })

  it('counts in whatever order reports come', () => {
    const world = new World()
    const early = world.next({ rows: [row('ok', 3)] })
    world.report({ rows: [row('ok', 5)] })
    world.take({ kind: 'report', report: early })
    expect(judged(world)).toBe(8)
  })

  it('counts for each isolate and each life of it', () => {
    const world = new World()
    const rows = [row('ok', 1)]
    for (const [isolate, bootNonce] of [
      ['one', 'x'],
      ['two', 'x'],
      ['one', 'y'],
      ['one', 'x'],
    ])
      world.report({ isolate: isolate ?? '', bootNonce: bootNonce ?? '', sequence: 1, rows })
    expect(judged(world)).toBe(3)
  })

  it('gets no permit a second time', () => {
    const world = new World().trip().toHalfOpen().probe('ok')
    const report = world.next({ wants: [a] })
    const permits = [1, 2].map(() => {
      const [reply] = world.take({ kind: 'report', report }).filter(({ kind }) => kind === 'reply')
      return reply?.kind === 'reply' ? reply.reply.permits.length : -1
    })
    expect(permits).toEqual([1, 0])
  })

  it('is read to its 256th row', () => {
    const world = new World()
    world.report({ rows: Array.from({ length: 300 }, () => row('ok')) })
    expect(judged(world)).toBe(256)
  })

  it('leaves out rows that mean nothing and counts the others', () => {
    const world = new World()
    world.report({ rows: [row('maybe' as never), null as never, row('ok', -1), row('ok', 2)] })
    expect(judged(world)).toBe(2)
  })

  it.each([
    ['nothing', null],
    ['text', 'report'],
    ['no isolate', { isolate: undefined }],
    ['an isolate with an endless name', { isolate: 'x'.repeat(65) }],
    ['no boot nonce', { bootNonce: '' }],
    ['a sequence that is no number', { sequence: Number.NaN }],
    ['a negative sequence', { sequence: -1 }],
    ['a sequence beyond what a number can count', { sequence: 2 ** 53 }],
    ['no rows', { rows: undefined }],
    ['probes that are no list', { probes: {} }],
    ['wants that are no list', { wants: 'a@acme' }],
  ])('with %s is refused as a whole', (_what, wrong) => {
    const world = new World()
    const report =
      wrong === null || typeof wrong === 'string'
        ? wrong
        : { ...world.next({ rows: [row('ok')] }), ...wrong }
    const effects = world.take({ kind: 'report', report: report as HealthReport })
    expect(effects).toEqual([{ kind: 'refused', reason: 'malformed_report' }])
    expect(judged(world)).toBe(0)
  })
})

describe('a reply', () => {
  it('names the life of the object, and how many isolates there are', () => {
    const world = new World()
    world.report({ isolate: 'two' })
    expect(world.report()).toMatchObject({ boot: 'boot', activeIsolates: 2, nextFlushMs: 1000 })
  })

  it('paces isolates when there are very many', () => {
    const world = new World()
    for (let at = 0; at < 1499; at += 1) world.report({ isolate: `i${at}`, haveBoot: 'boot' })
    expect(world.report({ haveBoot: 'boot' }).nextFlushMs).toBe(3000)
  })

  it('has everything for who knows nothing, or knows another life', () => {
    const world = new World().count(row('ok'), row('ok', 1, { target: b }))
    const keys = (haveBoot: string, haveVersion: number) =>
      world.report({ haveBoot, haveVersion }).domains.map(({ key }) => key)
    const all = ['edge', `target:${a}`, `target:${b}`]
    expect(keys('', 0)).toEqual(all)
    expect(keys('earlier', 1000)).toEqual(all)
    expect(keys('earlier', world.state.version)).toEqual(all)
    expect(keys('boot', 1000)).toEqual(all)
    expect(keys('boot', Number.NaN)).toEqual(all)
  })

  it('has only what changed for who knows the rest', () => {
    const world = new World().count(row('ok'), row('ok', 1, { target: b }))
    const first = world.report()
    const have = { haveBoot: first.boot, haveVersion: first.version }
    expect(world.report(have).domains).toEqual([])
    world.later(1000).count(row('server_error', 5))
    const second = world.report(have)
    expect(second.domains.map(({ key }) => key)).toEqual([`target:${a}`])
    expect(second.version).toBeGreaterThan(first.version)
    expect(world.report({ ...have, haveVersion: second.version }).domains).toEqual([])
  })

  it('does not call it a change that more of the same came', () => {
    const world = new World().count(row('ok', 10))
    const { version } = world.report()
    for (let second = 0; second < 60; second += 1) world.later(1000).count(row('ok', 10))
    expect(world.report({ haveBoot: 'boot', haveVersion: version }).domains).toEqual([])
  })

  it('carries the trip that its own report caused', () => {
    const reply = new World().report({ rows: [row('timeout', 5)] })
    expect(reply.domains.find(({ key }) => key === `target:${a}`)?.state).toBe('open')
  })

  it('carries what its own probes moved, between two looks at the windows as well', () => {
    const world = new World().trip().toHalfOpen()
    const permit = world.permit()
    const reply = world.report({
      probes: [{ permitId: permit?.permitId ?? '', outcome: 'timeout', size: 0 }],
      haveBoot: 'boot',
      haveVersion: world.state.version,
    })
    expect(reply.domains).toMatchObject([{ key: `target:${a}`, state: 'open', epoch: 2 }])
  })

  it('comes after what must be stored first', () => {
    const world = new World()
    world.report({ rows: [row('timeout', 5)] })
    expect(world.effects.map(({ kind }) => kind)).toEqual([
      'transition',
      'persist',
      'alarm',
      'reply',
    ])
  })

  it('says in a few hundred bytes how a target is', () => {
    const world = new World()
    const ttft = [[9, 700]] as const
    for (let second = 0; second < 60; second += 1)
      world.later(1000).count(row('ok', 700, { ttft }), row('timeout', 33))
    expect(JSON.stringify(world.target).length).toBeLessThan(600)
    expect(JSON.stringify(world.target)).not.toMatch(/\d\.\d{3}/)
  })
})
