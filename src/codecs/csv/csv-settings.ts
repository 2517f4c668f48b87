/** How CSV is written: of an intake as of an output. The names and the first three defaults are DataRobot's `csvSettings`. */
export interface CsvSettings {
  /** One character, or the word `tab`. */
  readonly delimiter: string;
  /** One character. Within quotes it is doubled to stand for itself. */
  readonly quotechar: string;
  /** Any name that Python or the WHATWG encoding standard has: utf-8, latin_1, shift_jis, mskanji, cp1252, utf-16 ... */
  readonly encoding: string;
  /** What happens to a record with more or fewer fields than the header. */
  readonly raggedRows: 'fail' | 'skip';
  /** Bytes of one record at the most, decoded to UTF-8: what an unclosed quote may swallow before reading stops. */
  readonly maxRecordBytes: number;
  /** Columns at the most: what a wrong delimiter, or a header that is none, may make. */
  readonly maxColumns: number;
}

/** RFC 4180 in UTF-8; a ragged record ends the job. */
export const defaultCsvSettings: CsvSettings = {
  delimiter: ',',
  quotechar: '"',
  encoding: 'utf-8',
  raggedRows: 'fail',
  maxRecordBytes: 256 * 1024 * 1024,
  maxColumns: 100_000,
};
