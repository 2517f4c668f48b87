import type { ObjectFormat } from '../object-format.ts';
import { assertNotPacked, createAvroReader } from './avro-reader.ts';
import { createAvroWriter } from './avro-writer.ts';
import { MAGIC } from './container-header.ts';

/** Avro object container files, their records flat but for one level. */
export const avroFormat: ObjectFormat = {
  name: 'avro',
  endings: ['avro'],
  recognizes: (head) => MAGIC.every((byte, i) => head[i] === byte),
  reader: createAvroReader,
  writer: (_settings, compression) => {
    assertNotPacked(compression);
    return createAvroWriter();
  },
};
