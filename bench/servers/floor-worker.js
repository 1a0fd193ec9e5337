// (b) The floor of anything that touches a stream: one read, one write, nothing in between.
// oxlint-disable-next-line import/no-default-export -- a Worker is the default export of its module
export default {
  async fetch(request, env, context) {
    const { pathname } = new URL(request.url)
    const { method, headers, body } = request
    const upstream = await fetch(env.UPSTREAM + pathname, { method, headers, body })
    const { readable, writable } = new IdentityTransformStream()
    context.waitUntil(pump(upstream.body.getReader(), writable.getWriter()))
    return new Response(readable, { status: upstream.status, headers: upstream.headers })
  },
}

async function pump(reader, writer) {
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    await writer.write(value)
  }
  await writer.close()
}
