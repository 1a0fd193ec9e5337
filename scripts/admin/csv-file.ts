import { createWriteStream, renameSync, rmSync } from 'node:fs'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { CommandFailure } from './failure.ts'

/** Writes a body to a file, or to stdout for `-`. A file is there when all of it is: until then it is `FILE.part`. */
export async function writeCsv(body: ReadableStream<Uint8Array>, file: string): Promise<string> {
  const part = `${file}.part`
  try {
    if (file === '-') {
      await pipeline(body, unending(process.stdout))
      return ''
    }
    await pipeline(body, createWriteStream(part))
    renameSync(part, file)
    return `${file} is written\n`
  } catch (cause) {
    if (file !== '-') rmSync(part, { force: true })
    const reason = cause instanceof Error ? cause.message : 'no reason'
    throw new CommandFailure('away', `the CSV is not whole: ${reason}`)
  }
}

/** `pipeline` ends what it writes to, and stdout stays open. */
function unending(output: NodeJS.WriteStream): Writable {
  return new Writable({
    write(chunk, _encoding, done) {
      output.write(chunk, (fault) => done(fault))
    },
  })
}
