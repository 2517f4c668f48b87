/** One message of the bridge's protocol, in either direction: who it is for, what it says, and rows that come along. */
export interface Frame {
  /** The connection it belongs to; 0 is the bridge itself. */
  readonly session: number;
  readonly said: Readonly<Record<string, unknown>>;
  readonly data: Uint8Array;
}

const HEAD = 12;
const NONE = new Uint8Array(0);

/** The head and the text of a frame; its data follow as they are. */
export function frameHead(session: number, said: Frame['said'], dataBytes: number): Uint8Array {
  const text = Buffer.from(JSON.stringify(said));
  const bytes = Buffer.allocUnsafe(HEAD + text.length);
  bytes.writeUInt32BE(session, 0);
  bytes.writeUInt32BE(text.length, 4);
  bytes.writeUInt32BE(dataBytes, 8);
  text.copy(bytes, HEAD);
  return bytes;
}

/** Puts frames together from chunks that are cut anywhere. The data of a frame are its own memory. */
export class FrameReader {
  readonly #head = Buffer.allocUnsafe(HEAD);
  #headBytes = 0;
  #body: Buffer | null = null;
  #bodyBytes = 0;

  /** The frames that a chunk completes. */
  *take(chunk: Uint8Array): Generator<Frame> {
    for (let at = 0; at < chunk.length; ) {
      if (this.#body === null) {
        const taken = Math.min(HEAD - this.#headBytes, chunk.length - at);
        this.#head.set(chunk.subarray(at, at + taken), this.#headBytes);
        this.#headBytes += taken;
        at += taken;
        if (this.#headBytes < HEAD) return;
        this.#body = Buffer.allocUnsafeSlow(this.#head.readUInt32BE(4) + this.#head.readUInt32BE(8));
        this.#bodyBytes = 0;
      }
      const taken = Math.min(this.#body.length - this.#bodyBytes, chunk.length - at);
      this.#body.set(chunk.subarray(at, at + taken), this.#bodyBytes);
      this.#bodyBytes += taken;
      at += taken;
      if (this.#bodyBytes < this.#body.length) return;
      const textBytes = this.#head.readUInt32BE(4);
      const body = this.#body;
      this.#body = null;
      this.#headBytes = 0;
      yield {
        session: this.#head.readUInt32BE(0),
        said: JSON.parse(body.toString('utf8', 0, textBytes)) as Frame['said'],
        data: body.length === textBytes ? NONE : body.subarray(textBytes),
      };
    }
  }
}
