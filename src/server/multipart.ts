import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Busboy, type BusboyInstance } from '@fastify/busboy';
import { findSluiceError, messageOf, SluiceError } from '../core/error.ts';

/** A file of a form, with what it is called. */
export interface FormFile {
  /** As the client calls it; empty where it says nothing. */
  readonly name: string;
  /** Its bytes, as they come. Ends where the form does; throws REQUEST_INVALID (422) for a form that is cut off. */
  readonly body: AsyncIterable<Buffer>;
}

/** Fields are passed over; of each so many bytes are held, and of a form so many fields and headers. */
const LIMITS = { fieldSize: 1024, fields: 100, files: 1, headerPairs: 100, headerSize: 16 * 1024 };

/**
 * The first file of a `multipart/form-data` body (RFC 7578), which is never held as a whole; what stands around it is passed over. Throws
 * REQUEST_INVALID with 406 for another content type, with 422 for a body that is no such form or has no file, and what reading the body throws.
 */
export async function formFile(contentType: string | undefined, body: AsyncIterable<Uint8Array>): Promise<FormFile> {
  const form = formReader(contentType);
  const source = Readable.from(body, { objectMode: false });
  const found = Promise.withResolvers<{ readonly name: string | undefined; readonly file: Readable }>();
  // A name may be missing, whatever the types of the library say.
  form.on('file', (_field, file, name: string | undefined) => found.resolve({ name, file }));
  const ended = pipeline(source, form).catch((error: unknown): never => {
    throw findSluiceError(error) ?? invalid(`The form is cut off, or is none (${messageOf(error)}). Send it again.`);
  });
  ended.then(() => found.reject(invalid('The form has no file. Send one as the field "file".')), found.reject);
  const { name = '', file } = await found.promise;
  // A body that breaks off ends the form, and not its file.
  ended.catch((error: Error) => file.destroy(error));
  return { name, body: wholeFile(file, ended, source) };
}

/** The file, which counts only once the form has come to its end. */
async function* wholeFile(file: Readable, ended: Promise<void>, source: Readable): AsyncGenerator<Buffer, void> {
  try {
    for await (const chunk of file) yield chunk as Buffer;
    await ended;
  } catch {
    // What the form fails with says why; of the file it is only said that no more comes.
    await ended;
  } finally {
    source.destroy();
  }
}

function formReader(contentType: string | undefined): BusboyInstance {
  try {
    if (/^multipart\/form-data\s*;/i.test(contentType ?? ''))
      return new Busboy({ headers: { 'content-type': contentType! }, limits: LIMITS, preservePath: true });
  } catch {
    // It has no boundary.
  }
  throw new SluiceError(
    'REQUEST_INVALID',
    'Send the file as a form, with the content type multipart/form-data and its boundary.',
    { status: 406 },
  );
}

function invalid(message: string): SluiceError {
  return new SluiceError('REQUEST_INVALID', message, { status: 422 });
}
