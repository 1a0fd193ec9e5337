/** Who is asking, as the key proves it. */
export interface Caller {
  readonly tenant: string
  readonly keyId: string
}
