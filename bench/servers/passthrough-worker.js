// (a) The bare passthrough: the runtime moves every byte, no JavaScript runs for a chunk.
// oxlint-disable-next-line import/no-default-export -- a Worker is the default export of its module
export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url)
    const { method, headers, body } = request
    const upstream = await fetch(env.UPSTREAM + pathname, { method, headers, body })
    return new Response(upstream.body, { status: upstream.status, headers: upstream.headers })
  },
}
