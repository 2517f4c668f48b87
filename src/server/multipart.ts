import { SluiceError } from '../core/error.ts';

/** A file of a form, with what it is called. */
export interface FormFile {
  /** As the client calls it; empty where it says nothing. */
  readonly name: string;
  /** Its bytes, as they come. Ends where the file does; throws REQUEST_INVALID (422) for a form that is cut off. */
  readonly body: AsyncIterable<Buffer>;
}

const MOST_HEAD_BYTES = 16 * 1024;
/** Fields before the file are passed over; so many bytes of them at the most. */
const MOST_FIELD_BYTES = 1024 * 1024;
const LINE = Buffer.from('\r\n');
const BLANK_LINE = Buffer.from('\r\n\r\n');

/**
 * The first file of a `multipart/form-data` body, which is never held as a whole; what stands around it is passed over. Throws
 * REQUEST_INVALID with 406 for another content type, with 422 for a body that is no such form or has no file.
 */
export async function formFile(contentType: string | undefined, body: AsyncIterable<Uint8Array>): Promise<FormFile> {
  const form = new FormReader(boundaryOf(contentType), body);
  await form.skipContent();
  while (await form.isPart()) {
    const name = fileName(await form.head());
    if (name === null) await form.skipContent();
    else return { name, body: wholeFile(form) };
  }
  throw invalid('The form has no file. Send one as the field "file".');
}

/** The file, which counts only once the form has come to its end. */
async function* wholeFile(form: FormReader): AsyncGenerator<Buffer, void> {
  yield* form.content();
  while (await form.isPart()) {
    await form.head();
    await form.skipContent();
  }
}

/** Reads a form from one boundary to the next. */
class FormReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #boundary: Buffer;
  /** The first boundary has no line before it. */
  #read: Buffer = LINE;

  constructor(boundary: string, body: AsyncIterable<Uint8Array>) {
    this.#boundary = Buffer.from(`\r\n--${boundary}`);
    this.#chunks = body[Symbol.asyncIterator]();
  }

  /** What stands before the next boundary, which is passed. */
  async *content(): AsyncGenerator<Buffer, void> {
    for (;;) {
      const at = this.#read.indexOf(this.#boundary);
      // The last bytes may be the beginning of a boundary.
      const sure = at < 0 ? Math.max(0, this.#read.length - this.#boundary.length + 1) : at;
      const part = this.#read.subarray(0, sure);
      this.#read = this.#read.subarray(at < 0 ? sure : at + this.#boundary.length);
      if (part.length > 0) yield part;
      if (at >= 0) return;
      await this.#more();
    }
  }

  async skipContent(): Promise<void> {
    let bytes = 0;
    for await (const part of this.content()) {
      bytes += part.length;
      if (bytes > MOST_FIELD_BYTES) throw invalid('The form has a field that is too large; send the file first.');
    }
  }

  /** Whether a part comes behind the boundary, or the form is at its end. */
  async isPart(): Promise<boolean> {
    while (this.#read.length < 2) await this.#more();
    if (this.#read[0] === 0x2d && this.#read[1] === 0x2d) return false;
    const line = await this.#until(LINE);
    if (line.trim() !== '') throw invalid('The body is not a form: there is text behind a boundary.');
    return true;
  }

  /** The header lines of a part. */
  async head(): Promise<string> {
    // A part without any begins with its blank line.
    this.#read = Buffer.concat([LINE, this.#read]);
    return (await this.#until(BLANK_LINE)).slice(2);
  }

  async #until(end: Buffer): Promise<string> {
    for (;;) {
      const at = this.#read.indexOf(end);
      if (at > MOST_HEAD_BYTES || (at < 0 && this.#read.length > MOST_HEAD_BYTES))
        throw invalid('The body is not a form: a header of it has no end.');
      if (at >= 0) {
        const text = this.#read.toString('utf8', 0, at);
        this.#read = this.#read.subarray(at + end.length);
        return text;
      }
      await this.#more();
    }
  }

  async #more(): Promise<void> {
    const { done, value } = await this.#chunks.next();
    if (done === true) throw invalid('The form is cut off: its last boundary is missing. Send it again.');
    this.#read = Buffer.concat([this.#read, value]);
  }
}

function boundaryOf(contentType: string | undefined): string {
  const [, quoted, plain] =
    /^multipart\/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType ?? '') ?? [];
  const boundary = quoted ?? plain;
  if (boundary !== undefined) return boundary;
  throw new SluiceError(
    'REQUEST_INVALID',
    'Send the file as a form, with the content type multipart/form-data and its boundary.',
    { status: 406 },
  );
}

/** Null for a part that is no file. */
function fileName(head: string): string | null {
  const [, disposition] = /^content-disposition:\s*form-data\s*(;.*)$/im.exec(head) ?? [];
  if (disposition === undefined) return null;
  const [, extended] = /;\s*filename\*=utf-8''([^\s;]+)/i.exec(disposition) ?? [];
  if (extended !== undefined) return decoded(extended);
  const [, quoted, plain] = /;\s*filename=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))/i.exec(disposition) ?? [];
  return quoted === undefined ? (plain ?? null) : quoted.replaceAll(/\\(.)/g, '$1');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function invalid(message: string): SluiceError {
  return new SluiceError('REQUEST_INVALID', message, { status: 422 });
}
