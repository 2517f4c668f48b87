import { createHash } from 'node:crypto';
import { access, constants, mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  findSluiceError,
  type Json,
  messageOf,
  type ObjectStore,
  SluiceError,
  type StagedOutput,
} from '../../src/sdk.ts';
import type { HttpAddress } from './http-address.ts';
import type { HttpConnection } from './http-connection.ts';
import { replyFault } from './http-fault.ts';
import { alreadyThere, upload } from './upload.ts';
import { readRecord, removeRecord, type UploadRecord, writeRecord } from './upload-record.ts';

/** Where an output is kept until it is sent: files of this machine. */
export interface Spool {
  /** Keeps files; a key of it is a path. */
  readonly store: ObjectStore;
  /** The file of the rows; ledger, manifest and dead letters stand beside it. */
  readonly path: string;
}

/** How an output is sent. */
export interface UploadOptions {
  readonly method: 'PUT' | 'POST';
  readonly contentType: string;
  readonly chunked: boolean;
}

type Sending = UploadOptions & { readonly spool: Spool };

/**
 * Takes an output that is sent as one body when it is finished. Until then it grows in the spool, as any file that is an output. A run that
 * died while it sent is completed first: the same bytes under the same idempotency key.
 */
export async function stageRequest(
  connection: HttpConnection,
  address: HttpAddress,
  sending: Sending,
  overwrite: boolean,
  signal: AbortSignal,
): Promise<StagedOutput> {
  const { spool } = sending;
  const recordPath = `${spool.path}.upload.json`;
  const record = await inSpool(spool, async () => {
    await mkdir(dirname(spool.path), { recursive: true });
    return overwrite ? null : await readRecord(recordPath);
  });
  if (record?.state === 'sent') {
    await tidy(spool, signal);
    throw wasSent(address.name, record);
  }
  const staged = await spool.store.stage(spool.path, { overwrite }, signal).catch(async (error: unknown) => {
    const isFinished = findSluiceError(error)?.code === 'OUTPUT_EXISTS' && record?.state === 'sending';
    throw isFinished ? wasSent(address.name, await send(connection, address, sending, record, signal)) : error;
  });
  // A continuation need not be told again to replace what is there.
  const replace = overwrite || (staged.found !== null && record?.replace === true);
  const note = (state: UploadRecord['state'], idempotencyKey: string): UploadRecord => {
    return { state, idempotencyKey, replace, at: new Date(connection.clock.wall()).toISOString() };
  };
  try {
    if (overwrite) await inSpool(spool, () => writeRecord(recordPath, note('open', '')));
    else if (!replace && sending.method === 'PUT' && (await standsThere(connection, address, signal)))
      throw alreadyThere(address.name);
  } catch (error) {
    await staged.close();
    throw error;
  }
  const publish = async (manifest: Json, publishing: AbortSignal): Promise<void> => {
    const idempotencyKey = createHash('sha256')
      .update(JSON.stringify([address.name, manifest]))
      .digest('hex');
    const begun = note('sending', idempotencyKey);
    await inSpool(spool, () => writeRecord(recordPath, begun));
    await staged.publish(manifest, publishing);
    await send(connection, address, sending, begun, publishing);
  };
  return {
    found: staged.found,
    names: staged.names,
    sealed: staged.sealed,
    reread: (role, from, reading) => staged.reread(role, from, reading),
    append: (role, bytes, appending) => staged.append(role, bytes, appending),
    commit: (note, committing) => staged.commit(note, committing),
    publish,
    restart: (restarting) => staged.restart(restarting),
    discard: async () => {
      await staged.discard();
      await inSpool(spool, () => removeRecord(recordPath));
    },
    close: () => staged.close(),
    [Symbol.asyncDispose]: () => staged.close(),
  };
}

/** Whether `stageRequest` would take the output, and the server a request for it, as far as that can be told without one. */
export async function checkUpload(
  connection: HttpConnection,
  address: HttpAddress,
  { spool, method }: Sending,
  overwrite: boolean,
  signal: AbortSignal,
): Promise<void> {
  const record = await inSpool(spool, () => readRecord(`${spool.path}.upload.json`));
  if (!overwrite && record?.state === 'sent') throw wasSent(address.name, record);
  const isThere = await inSpool(spool, () => assertFolder(dirname(spool.path)));
  if (isThere) await spool.store.checkOutput?.(spool.path, { overwrite }, signal);
  const reply = await connection.send(address, { method: 'HEAD' }, connection.patience(), signal);
  reply.destroy();
  const status = reply.statusCode;
  // A signature may be for the upload alone; who gave none of his own is told of a refusal.
  const isSigned = address.url.search !== '' && status === 403;
  if (status === 401 || status === 407 || (status === 403 && !isSigned))
    throw replyFault(status, '', { doing: 'write', name: address.name });
  if (status === 200 && method === 'PUT' && !overwrite) throw alreadyThere(address.name);
}

/** Sends what the spool has finished, notes that it was sent, and removes it; manifest and dead letters stay. */
async function send(
  connection: HttpConnection,
  address: HttpAddress,
  { spool, ...options }: Sending,
  record: UploadRecord,
  signal: AbortSignal,
): Promise<UploadRecord> {
  const [rows] = await spool.store.list(spool.path, signal);
  const sending = upload(
    connection,
    address,
    {
      ...options,
      idempotencyKey: record.idempotencyKey,
      replace: record.replace,
      bytes: rows!.bytes,
      chunks: (reading) => spool.store.read(spool.path, 0, reading),
    },
    signal,
  );
  await sending.catch((error: unknown) => {
    throw error instanceof SluiceError ? keptIn(spool.path, error) : error;
  });
  const sent: UploadRecord = { ...record, state: 'sent', at: new Date(connection.clock.wall()).toISOString() };
  await inSpool(spool, async () => {
    await writeRecord(`${spool.path}.upload.json`, sent);
    await rm(spool.path, { force: true });
  });
  return sent;
}

/** Removes what a run left that was killed right after it had noted that all was sent: the rows, and its lock. */
async function tidy({ store, path }: Spool, signal: AbortSignal): Promise<void> {
  await rm(path, { force: true });
  // Taking it takes the lock of a dead run over. Whoever cannot take it leaves it to another.
  const staged = await store.stage(path, { overwrite: false }, signal).catch(() => null);
  await staged?.discard();
  await staged?.close();
}

/** Many servers do not say what stands at an address, and some refuse to: only a plain yes counts. */
async function standsThere(connection: HttpConnection, address: HttpAddress, signal: AbortSignal): Promise<boolean> {
  const reply = await connection.send(address, { method: 'HEAD' }, connection.patience(), signal);
  reply.destroy();
  return reply.statusCode === 200;
}

/** The nearest folder that is there must let itself be written to. Says whether it is this one. */
async function assertFolder(folder: string): Promise<boolean> {
  try {
    await access(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch (error) {
    const above = dirname(folder);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || above === folder) throw error;
    await assertFolder(above);
    return false;
  }
}

/** Work on the files beside the rows. */
async function inSpool<T>({ path }: Spool, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const folder = dirname(path);
    const isFull = /^(ENOSPC|EDQUOT)$/.test((error as NodeJS.ErrnoException).code ?? '');
    throw new SluiceError(
      isFull ? 'OUTPUT_FULL' : 'OUTPUT_UNWRITABLE',
      `The output cannot be kept in ${folder} until it is sent: ${messageOf(error)}. ` +
        (isFull
          ? 'Free some space there, or set outputSettings.spool.'
          : 'Change its rights, or set outputSettings.spool.'),
      { cause: error },
    );
  }
}

/** The same error, with the place of what could not be sent. */
function keptIn(path: string, error: SluiceError): SluiceError {
  const { status } = error;
  const message = `${error.message} The finished output is kept in ${path}: run the same job again to send it, with spool set to that file where the address changes.`;
  return new SluiceError(error.code, message, { cause: error, ...(status === undefined ? {} : { status }) });
}

function wasSent(name: string, { at }: UploadRecord): SluiceError {
  return new SluiceError(
    'OUTPUT_EXISTS',
    `The output was sent to ${name} at ${at}. Choose another address, or send it anew with --overwrite.`,
  );
}
