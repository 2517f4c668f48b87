import * as z from 'zod';
import { defaultCsvSettings } from '../../codecs/csv/csv-settings.ts';
import { encodingOf } from '../../codecs/text/encoding.ts';
import { SluiceError } from '../../core/error.ts';

const character = (text: string): boolean =>
  Array.from(text).length === 1 && !/[\r\n]/.test(text) && text.isWellFormed();

/** `csvSettings`: how the CSV of the intake is read, and that of the output written. */
export const csvFields = z
  .strictObject({
    delimiter: z
      .string()
      .refine((text) => text === 'tab' || character(text), { error: 'must be one character, or the word tab' })
      .default(defaultCsvSettings.delimiter)
      .describe('One character between fields, or the word `tab`.'),
    quotechar: z
      .string()
      .refine(character, { error: 'must be one character' })
      .default(defaultCsvSettings.quotechar)
      .describe('The character around fields that hold delimiters or line ends; within them it is doubled.'),
    encoding: z
      .string()
      .refine(isEncoding, {
        error: 'is not a text encoding that can be read here; examples are utf-8, latin_1, shift_jis',
      })
      .default(defaultCsvSettings.encoding)
      .describe(
        'Text encoding, by its name in Python or in web standards: utf-8, latin_1, shift_jis, cp1252, utf-16 …',
      ),
    raggedRows: z
      .enum(['fail', 'skip'])
      .default(defaultCsvSettings.raggedRows)
      .describe('What a record with more or fewer fields than the header does: end the job, or become a dead letter.'),
    maxRecordBytes: z
      .int()
      .min(1)
      .max(2 ** 30)
      .default(defaultCsvSettings.maxRecordBytes)
      .describe('Bytes that one record may have: what an unclosed quote may swallow before reading stops.'),
    maxColumns: z
      .int()
      .min(1)
      .max(10_000_000)
      .default(defaultCsvSettings.maxColumns)
      .describe('Columns that a header may name.'),
  })
  .refine(({ delimiter, quotechar }) => (delimiter === 'tab' ? '\t' : delimiter) !== quotechar, {
    error: 'must differ from delimiter',
    path: ['quotechar'],
  });

function isEncoding(name: string): boolean {
  try {
    return encodingOf(name).name !== '';
  } catch (error) {
    if (error instanceof SluiceError) return false;
    throw error;
  }
}
