import { SluiceError } from '../../../core/error.ts';
import { schemaOf } from '../../../core/schema.ts';
import { dialectOf } from '../../csv/csv-dialect.ts';
import { defaultCsvSettings } from '../../csv/csv-settings.ts';
import type { MessageFormat } from '../message-format.ts';
import { CsvMessageReader } from './csv-reader.ts';
import { CsvMessageWriter } from './csv-writer.ts';

/** A record of CSV per message, without a header: RFC 4180 in UTF-8, the delimiter and quote of the settings. */
export const csvFormat: MessageFormat = {
  name: 'csv',
  reader({ columns, delimiter = ',', quotechar = '"' }) {
    if (!columns?.length) {
      throw new SluiceError(
        'CONFIG_INVALID',
        'columns is missing: a message of CSV has no header, so name its columns in their order.',
      );
    }
    const dialect = dialectOf({ ...defaultCsvSettings, delimiter, quotechar });
    if (!dialect.direct) {
      throw new SluiceError('CONFIG_INVALID', 'delimiter and quotechar must be ASCII characters in messages of CSV.');
    }
    return new CsvMessageReader(schemaOf(columns), dialect);
  },
  writer: () => new CsvMessageWriter(),
};
