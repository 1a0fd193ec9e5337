import { describe, expect, it } from 'vitest'
import { namedCode, readCodeMap, readProfile } from '../../bench/callgrind.ts'

/** As callgrind writes it: names once, then their numbers; positions absolute or relative; a call's cost behind it. */
const profile = `# callgrind format
version: 1
positions: line
events: Ir
summary: 1000

ob=(1) workerd
fl=(1) ???
fn=(1) main
0 10
cob=(1)
cfn=(2) 0x00000000640ddc14
calls=2 0
0 600
fn=(2)
0 100
+3 50
* 50
cfn=(3) JsonStringify
calls=4 0
0 400
fn=(3)
0 400

fn=(1)
0 5
totals: 1000
`

const map = `640dd000 900 JS:~cold /srv/build/index.js:7:1
640ddc00 40 JS:+'serve /srv/build/index.js:43373:22
640ddd00 40 Builtin:Something
640dde00 40 JS:* /srv/build/index.js:12:3
`

describe('readProfile()', () => {
  it('adds up what a function takes itself, and what it calls', () => {
    expect(readProfile(profile)).toEqual([
      { name: 'main', own: 15, all: 615 },
      { name: '0x00000000640ddc14', own: 200, all: 600 },
      { name: 'JsonStringify', own: 400, all: 400 },
    ])
  })
})

describe('namedCode()', () => {
  const at = (address: string, own: number, all: number) => ({
    name: `0x00000000${address}`,
    own,
    all,
  })

  it('names compiled code by the place that it lies in', () => {
    expect(namedCode(readProfile(profile), readCodeMap(map))).toEqual([
      { name: 'serve :43373', own: 200, all: 600 },
    ])
  })

  it('adds up code that was compiled twice, and leaves out what nobody knows and the engine itself', () => {
    const twice = `${map}650ddc00 40 JS:*serve /srv/build/index.js:43373:22\n`
    const costs = [
      at('640ddc14', 1, 10),
      at('650ddc00', 2, 20),
      at('650ddc40', 4, 40),
      at('640ddd10', 4, 40),
      at('640dde3f', 8, 80),
      { name: 'JsonStringify', own: 4, all: 40 },
    ]
    expect(namedCode(costs, readCodeMap(twice))).toEqual([
      { name: '(anonymous) :12', own: 8, all: 80 },
      { name: 'serve :43373', own: 3, all: 30 },
    ])
  })

  it('goes by what was put at a place last', () => {
    const again = `${map}640ddc00 20 JS:^answer /srv/build/index.js:9:1\n`
    expect(namedCode([at('640ddc14', 1, 1)], readCodeMap(again))[0]?.name).toBe('answer :9')
  })
})
