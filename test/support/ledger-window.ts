/**
 * A Worker through which a test outside of workerd calls the object of a tenant's ledger as gateways do: over RPC, and
 * from another process where it is bound so. Runs as it is, so it imports nothing.
 */
interface Env {
  readonly TENANT_LEDGER: {
    idFromName(name: string): unknown
    get(id: unknown): Readonly<Record<string, (...all: unknown[]) => Promise<unknown>>>
  }
}

interface Call {
  readonly tenant: string
  readonly method: string
  readonly arguments: readonly unknown[]
}

// The runtime asks for one.
// oxlint-disable-next-line import/no-default-export
export default {
  async fetch(request: Request, { TENANT_LEDGER: ledgers }: Env): Promise<Response> {
    const call = (await request.json()) as Call
    const ledger = ledgers.get(ledgers.idFromName(call.tenant))
    try {
      return Response.json({ answer: (await ledger[call.method]?.(...call.arguments)) ?? null })
    } catch (fault) {
      return Response.json({ fault: String(fault) }, { status: 500 })
    }
  },
}
