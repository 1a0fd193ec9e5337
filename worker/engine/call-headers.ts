type HeaderFields = Readonly<Record<string, string>>

/**
 * What every call says, over what its adapter adds. An adapter's constant (a frozen object) gives the same frozen object
 * each time, so that what is made of it can be kept as well.
 */
export function callHeaders(own: HeaderFields, isStream: boolean): HeaderFields {
  const kept = isStream ? keptOfStreams : keptOfAnswers
  const known = kept.get(own)
  if (known !== undefined) return known
  const made = {
    'content-type': 'application/json',
    accept: isStream ? 'text/event-stream, application/json' : 'application/json',
    'user-agent': 'switchyard',
    ...own,
  }
  if (Object.isFrozen(own)) kept.set(own, Object.freeze(made))
  return made
}

const keptOfStreams = new WeakMap<HeaderFields, HeaderFields>()
const keptOfAnswers = new WeakMap<HeaderFields, HeaderFields>()

/** As the runtime wants them: read once where they are a constant, because it reads an object field by field. */
export function runtimeHeaders(fields: HeaderFields): HeaderFields | Headers {
  if (!Object.isFrozen(fields)) return fields
  let known = readHeaders.get(fields)
  if (known === undefined) readHeaders.set(fields, (known = new Headers(fields)))
  return known
}

const readHeaders = new WeakMap<HeaderFields, Headers>()
