import { SluiceError } from '../../core/error.ts';
import type { RowBatch } from '../../core/row-batch.ts';
import { ChunkReader } from '../chunk-reader.ts';
import { decompress } from '../compression.ts';
import { avroSchemaOf } from '../messages/avro/avro-type.ts';
import type { FormatPorts, FormatSettings, ObjectReader, PartToRead, ReadableObject } from '../object-format.ts';
import { skipBytes } from '../objects/skip-bytes.ts';
import { avroColumns } from './avro-columns.ts';
import { AvroDecoder } from './avro-decoder.ts';
import { noAvro } from './avro-faults.ts';
import { avroPosition } from './avro-position.ts';
import { blockCodecs } from './block-codecs.ts';
import type { ContainerHeader } from './container-header.ts';
import { ContainerStream } from './container-stream.ts';

/**
 * Reads Avro object container files. Positions are `{ offset, skip, row }`: a continuation reads the header, and then from the block on.
 * Throws FORMAT_BROKEN, FORMAT_COLUMNS, COLUMN_UNKNOWN and MESSAGE_SCHEMA, with the block.
 */
export function createAvroReader({ columns }: FormatSettings, { clock }: FormatPorts): ObjectReader {
  const streamOf = (object: ReadableObject, offset: number, signal: AbortSignal): [ContainerStream, ChunkReader] => {
    const { name, compression } = object;
    const isPacked = compression !== 'none';
    const stored = object.read(isPacked ? 0 : offset, signal);
    const chunks = isPacked ? skipBytes(decompress(compression, stored, name, signal), offset) : stored;
    const reader = new ChunkReader(chunks, clock, signal);
    return [new ContainerStream(name, reader, offset), reader];
  };

  async function headerOf(object: ReadableObject, signal: AbortSignal): Promise<ContainerHeader> {
    const [stream, reader] = streamOf(object, 0, signal);
    try {
      return checked(await stream.header(), object.name);
    } finally {
      await reader.close();
    }
  }

  async function* read(object: ReadableObject, part: PartToRead, signal: AbortSignal): AsyncGenerator<RowBatch, void> {
    const from = part.after === null ? null : avroPosition(part.after, part.split);
    // What comes once is not opened twice.
    const ahead = from === null ? null : await headerOf(object, signal);
    const [stream, reader] = streamOf(object, from?.offset ?? 0, signal);
    try {
      const header = ahead ?? checked(await stream.header(), object.name);
      const type = avroSchemaOf(header.schema);
      const schema = avroColumns(type, columns, part.schema, object.name);
      yield* new AvroDecoder(stream, header, { type, schema }, part, from, clock).batches();
    } finally {
      await reader.close();
    }
  }

  return {
    parts: async ({ bytes }) => [{ id: null, bytes }],
    schema: async (object, known, signal) => {
      const header = await headerOf(object, signal);
      return avroColumns(avroSchemaOf(header.schema), columns, known, object.name);
    },
    read,
  };
}

function checked(header: ContainerHeader, name: string): ContainerHeader {
  if (blockCodecs.has(header.codec)) return header;
  const known = [...blockCodecs.keys()].join(', ');
  throw noAvro(name, `its blocks are packed as ${JSON.stringify(header.codec)}, and what can be unpacked is ${known}`);
}

/** An Avro file packs its blocks; packed as a whole it could not be continued. */
export function assertNotPacked(compression: string): void {
  if (compression === 'none') return;
  throw new SluiceError(
    'CONFIG_INVALID',
    `compression is ${compression}, and an Avro file packs its blocks by itself; leave it out, and the ending of the name.`,
  );
}
