import { type Clock, systemClock } from '../../core/clock.ts';
import type { Codec } from '../../core/codec.ts';
import { CsvDecoder } from './csv-decoder.ts';
import { dialectOf } from './csv-dialect.ts';
import { encodeCsvHeader, encodeCsvRows } from './csv-encoder.ts';
import { csvPosition } from './csv-position.ts';
import type { CsvSettings } from './csv-settings.ts';

/**
 * The codec for CSV of any delimiter, quote and text encoding. What is read becomes canonical: comma, double quote, LF,
 * UTF-8; quoted fields stay quoted, blank lines are no records, a record ends at LF, CR LF or CR outside quotes.
 *
 * Positions are `{ offset, row, line }`. For UTF-8 with one-byte delimiter and quote `offset` is the byte to
 * open the source at; for all else the source is read from its start and decoded up to there.
 *
 * Decoding throws INTAKE_EMPTY, INTAKE_ENCODING, CSV_BINARY, CSV_HEADER, CSV_RAGGED, CSV_QUOTE and
 * CSV_RECORD_TOO_LARGE, each with the line. The rows before a bad record come out first, but for INTAKE_ENCODING, where
 * its batch is lost with it. A header without rows yields nothing. Records that are all skipped come in batches without rows.
 * @param settings throws CONFIG_INVALID when one cannot be.
 */
export function createCsvCodec(settings: CsvSettings, options: { readonly clock?: Clock } = {}): Codec {
  const dialect = dialectOf(settings);
  const clock = options.clock ?? systemClock;
  return {
    offset: (after) => (dialect.direct ? csvPosition(after, 'the intake').offset : 0),
    decode: (chunks, context, schema, signal) =>
      new CsvDecoder(dialect, context, clock).batches(chunks, schema, signal),
    encodeHeader: (schema) => encodeCsvHeader(schema, dialect),
    encode: (rows) => encodeCsvRows(rows, dialect),
  };
}
