import { createCsvCodec } from '../../../codecs/csv/csv-codec.ts';
import type { CsvSettings } from '../../../codecs/csv/csv-settings.ts';
import { untilStopped } from '../../../codecs/streams/until-stopped.ts';
import type { Clock } from '../../../core/clock.ts';
import type { Schema } from '../../../core/schema.ts';
import type { Source } from '../../../core/source.ts';
import { UPLOAD } from '../body/described-job.ts';
import type { Growth } from './growth.ts';
import type { SpoolFolder } from './spool-folder.ts';
import { spooledBytes } from './spool-reader.ts';

export interface SpoolSourceOptions {
  readonly folder: SpoolFolder;
  /** What the upload is known by: a continuation of the same job has the same one. */
  readonly jobId: string;
  readonly csv: CsvSettings;
  readonly growth: Growth;
  readonly clock: Clock;
  /** Bytes of all of it, where that is known already. */
  readonly bytes: number | null;
  /** Aborting it ends the waiting for more, as when a stop was asked for. */
  readonly stop: AbortSignal;
}

/** The rows of an upload, also of one that still comes. */
export function createSpoolSource({ folder, jobId, csv, growth, clock, bytes, stop }: SpoolSourceOptions): Source {
  const codec = createCsvCodec(csv, { clock });
  const progress = { bytes: 0 };
  const reading = { folder, growth, quotechar: csv.quotechar };
  const counted = async function* (offset: number, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    progress.bytes = offset;
    for await (const chunk of spooledBytes(reading, offset, signal)) {
      progress.bytes += chunk.length;
      yield chunk;
    }
  };
  const schemaOf = async (signal: AbortSignal): Promise<Schema | null> => {
    const first = { split: UPLOAD, after: null, limits: { rows: 1, bytes: 1, lingerMs: 0 } };
    for await (const batch of codec.decode(spooledBytes(reading, 0, signal), first, null, signal))
      if (batch.schema.columns.length > 0) return batch.schema;
    return null;
  };
  return {
    get bytesRead() {
      return progress.bytes;
    },
    identity: async () => ({ upload: jobId }),
    splits: async () => [{ id: UPLOAD, bytes }],
    async *read({ id }, after, limits, signal) {
      const leaving = AbortSignal.any([signal, stop]);
      const schema = after === null ? null : await schemaOf(signal);
      const chunks = untilStopped(counted(codec.offset(after), leaving), 'the upload', stop);
      yield* codec.decode(chunks, { split: id, after, limits }, schema, signal);
    },
    check: async () => undefined,
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}
