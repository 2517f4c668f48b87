import { SluiceError } from '../../core/error.ts';
import type { MessageReader, MessageWriter } from '../../core/message-format.ts';
import { avroFormat } from './avro/avro-format.ts';
import { csvFormat } from './csv/csv-format.ts';
import { jsonFormat } from './json/json-format.ts';
import type { MessageFormat, MessageFormatSettings, MessagePorts } from './message-format.ts';

const formats: readonly MessageFormat[] = [csvFormat, jsonFormat, avroFormat];

/** A reader of messages that hold one row each; one per partition. Throws CONFIG_INVALID. */
export function createMessageReader(settings: MessageFormatSettings, ports: MessagePorts): MessageReader {
  return formatOf(settings).reader(settings, ports);
}

/** A writer of rows as messages, one each. Throws CONFIG_INVALID. */
export function createMessageWriter(settings: MessageFormatSettings, ports: MessagePorts): MessageWriter {
  return formatOf(settings).writer(settings, ports);
}

function formatOf({ format }: MessageFormatSettings): MessageFormat {
  const found = formats.find(({ name }) => name === format);
  if (found !== undefined) return found;
  throw new SluiceError(
    'CONFIG_INVALID',
    `format is ${JSON.stringify(format)}; messages may be ${formats.map(({ name }) => name).join(', ')}.`,
  );
}
