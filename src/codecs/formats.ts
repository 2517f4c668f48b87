import { systemClock } from '../core/clock.ts';
import { SluiceError } from '../core/error.ts';
import { avroFormat } from './avro/avro-format.ts';
import { type Compression, withoutCompression } from './compression.ts';
import { csvFormat } from './csv/csv-format.ts';
import { type CsvSettings, defaultCsvSettings } from './csv/csv-settings.ts';
import { jsonFormat } from './json/json-format.ts';
import { jsonlFormat } from './jsonl/jsonl-format.ts';
import type {
  FormatName,
  FormatPorts,
  FormatSettings,
  ObjectFormat,
  ObjectReader,
  ObjectWriter,
} from './object-format.ts';

/** Every format of objects: one line each. */
const formats: readonly ObjectFormat[] = [csvFormat, jsonlFormat, jsonFormat, avroFormat];

const defaultFormatSettings: FormatSettings = { csv: defaultCsvSettings, jsonPath: null, columns: null };

/** Readers for the objects of one intake, each by what its settings, its name or its content say, in this order. */
export interface ObjectReaders {
  /** @param head the beginning of the object, unpacked; asked for when settings and name say nothing. */
  for(name: string, head: () => Promise<Uint8Array>): Promise<ObjectReader>;
}

export interface ReaderSettings extends Partial<FormatSettings> {
  /** Default: `auto`. */
  readonly format?: FormatName | 'auto';
}

/** Throws CONFIG_INVALID. */
export function createReaders(settings: ReaderSettings, ports: FormatPorts = { clock: systemClock }): ObjectReaders {
  const { format: name = 'auto', ...given } = settings;
  const all = { ...defaultFormatSettings, ...given };
  const made = new Map<ObjectFormat, ObjectReader>();
  const readerOf = (format: ObjectFormat): ObjectReader => {
    const reader = made.get(format) ?? format.reader(all, ports);
    made.set(format, reader);
    return reader;
  };
  if (name !== 'auto') readerOf(formatNamed(name));
  return {
    async for(object, head) {
      if (name !== 'auto') return readerOf(formatNamed(name));
      return readerOf(formatByName(object) ?? formatOf(await head(), all));
    },
  };
}

/** Readers that are CSV of these settings, whatever an object is called. */
export function csvReaders(csv: CsvSettings, ports?: FormatPorts): ObjectReaders {
  return createReaders({ format: 'csv', csv }, ports);
}

/** A writer for one output. Throws CONFIG_INVALID. */
export function createWriter(
  format: FormatName,
  settings: Partial<FormatSettings>,
  compression: Compression,
  ports: FormatPorts = { clock: systemClock },
): ObjectWriter {
  return formatNamed(format).writer({ ...defaultFormatSettings, ...settings }, compression, ports);
}

/** The format of an output: what the setting says, else what the ending of the name says, else CSV. */
export function outputFormatOf(setting: FormatName | 'auto', name: string): FormatName {
  return setting === 'auto' ? (formatByName(name)?.name ?? 'csv') : setting;
}

/** What the name of an output of this format ends with, without the point. */
export function endingOf(format: FormatName): string {
  return formatNamed(format).endings[0]!;
}

function formatNamed(name: FormatName): ObjectFormat {
  const found = formats.find((format) => format.name === name);
  if (found !== undefined) return found;
  throw new SluiceError(
    'CONFIG_INVALID',
    `format is ${JSON.stringify(name)}, which this version cannot read or write; it can ${formats.map(({ name }) => name).join(', ')}.`,
  );
}

/** By the ending of a name, behind which one of a compression may stand; undefined when it says nothing. */
function formatByName(name: string): ObjectFormat | undefined {
  const ending = /\.([^./\\]+)$/.exec(withoutCompression(name))?.[1]?.toLowerCase();
  return ending === undefined ? undefined : formats.find(({ endings }) => endings.includes(ending));
}

function formatOf(head: Uint8Array, { jsonPath }: FormatSettings): ObjectFormat {
  if (jsonPath !== null) return formatNamed('json');
  return formats.find((format) => format.recognizes(head)) ?? csvFormat;
}
