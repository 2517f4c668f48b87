import type { ObjectFormat } from '../object-format.ts';
import { createCodecWriter } from '../objects/codec-writer.ts';
import { selectingReader } from '../objects/selecting-reader.ts';
import { createStreamReader } from '../objects/stream-reader.ts';
import { createCsvCodec } from './csv-codec.ts';

/** CSV with a header line; what nothing else recognizes is taken for it. */
export const csvFormat: ObjectFormat = {
  name: 'csv',
  endings: ['csv', 'tsv', 'psv'],
  recognizes: () => false,
  reader: ({ csv, columns }, ports) => selectingReader(createStreamReader(createCsvCodec(csv, ports)), columns),
  writer: ({ csv }, compression, ports) => createCodecWriter(createCsvCodec(csv, ports), compression),
};
