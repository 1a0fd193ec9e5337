import { describe, expect, it } from 'vitest'
import { callHeaders, runtimeHeaders } from '../../../worker/engine/call-headers.ts'
import { noHeaders } from '../../../worker/providers/adapter.ts'

describe('the headers of a call', () => {
  it('are what every call says, and what its adapter adds', () => {
    expect(callHeaders(noHeaders, false)).toEqual({
      'content-type': 'application/json',
      accept: 'application/json',
      'user-agent': 'switchyard',
    })
    expect(callHeaders({ 'x-own': '1' }, true)).toEqual({
      'content-type': 'application/json',
      accept: 'text/event-stream, application/json',
      'user-agent': 'switchyard',
      'x-own': '1',
    })
  })

  it('accept a stream where one is asked for, whatever was asked for before', () => {
    const own = Object.freeze({ 'x-own': '1' })
    for (const isStream of [false, true, false]) {
      const { accept = '' } = callHeaders(own, isStream)
      expect([isStream, accept.includes('event-stream')]).toEqual([isStream, isStream])
    }
  })

  it('are one object for all calls of an adapter whose own are a constant', () => {
    const own = Object.freeze({ 'x-own': '1' })
    const headers = callHeaders(own, true)
    expect(callHeaders(own, true)).toBe(headers)
    expect(Object.isFrozen(headers)).toBe(true)
    expect(runtimeHeaders(headers)).toBe(runtimeHeaders(callHeaders(own, true)))
    expect(Object.fromEntries(new Headers(runtimeHeaders(headers)))).toEqual(headers)
  })

  it('are made anew where they are the own of one call, and kept nowhere', () => {
    const own = { 'x-own': '1' }
    const headers = callHeaders(own, true)
    own['x-own'] = '2'
    expect(callHeaders(own, true)['x-own']).toBe('2')
    expect(runtimeHeaders(headers)).toBe(headers)
  })
})
