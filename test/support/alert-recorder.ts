/**
 * The internet as objects under test see it: receivers of webhooks that remember what they got. Runs in Node, as the
 * outbound service of the test's workerd. A receiver is a path of `alerts.example`; `/seen/PATH` tells what came and
 * forgets it, `/answer/PATH/STATUS` says what it answers from now on.
 */
export interface RecordedAlert {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const seen = new Map<string, RecordedAlert[]>()
const statuses = new Map<string, number>()

interface OutboundRequest {
  readonly url: string
  readonly method: string
  readonly headers: { entries(): Iterable<readonly [string, string]> }
  text(): Promise<string>
}

export interface OutboundAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export async function recordAlert(request: OutboundRequest): Promise<OutboundAnswer> {
  const { host, pathname } = new URL(request.url)
  if (host !== 'alerts.example') return answer(599, 'nobody is there')
  const [, verb = '', box = '', status] = pathname.split('/')
  if (verb === 'seen') {
    const alerts = seen.get(box) ?? []
    seen.delete(box)
    return answer(200, JSON.stringify(alerts))
  }
  if (verb === 'answer') {
    statuses.set(box, Number(status))
    return answer(200, '')
  }
  const headers = Object.fromEntries(request.headers.entries())
  const recorded = { method: request.method, headers, body: await request.text() }
  seen.set(verb, [...(seen.get(verb) ?? []), recorded])
  return answer(statuses.get(verb) ?? 204, '')
}

function answer(status: number, body: string): OutboundAnswer {
  const location = status >= 300 && status < 400 ? { location: 'https://alerts.example/moved' } : {}
  return { status, headers: location, body }
}
