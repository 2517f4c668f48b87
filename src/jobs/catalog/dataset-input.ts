import { createFileStore } from '../../../connectors/file/file-store.ts';
import type { CsvSettings } from '../../codecs/csv/csv-settings.ts';
import { createReaders } from '../../codecs/formats.ts';
import { createObjectSource } from '../../codecs/objects/object-source.ts';
import { createStreamSource } from '../../codecs/streams/stream-source.ts';
import type { Clock } from '../../core/clock.ts';
import { SluiceError } from '../../core/error.ts';
import type { Source } from '../../core/source.ts';
import type { Configuration } from '../configuration.ts';
import { httpIntake } from '../description/http-fields.ts';
import { s3Intake } from '../description/s3-fields.ts';
import { validate } from '../description/validate.ts';
import { openHttpSource } from '../http-endpoints.ts';
import { openS3Source } from '../s3-endpoints.ts';
import { s3KeysOf } from '../s3-keys.ts';

/** What a dataset is made of, and how to get there; of databases see `openDatabaseInput`. */
export interface DatasetInput {
  /** A file, a folder or a pattern; an address of S3 or of HTTP; `-` for standard input. */
  readonly source: string;
  readonly csvSettings: CsvSettings;
  /** For addresses of S3, as in `intakeSettings`. */
  readonly s3: { readonly credentialId?: string; readonly endpointUrl?: string; readonly region?: string };
  readonly configuration: Configuration | undefined;
}

/** The source of a dataset's rows, and its name for people. */
export function openDatasetInput(
  { source, csvSettings, s3, configuration }: DatasetInput,
  streams: { readonly input: AsyncIterable<Uint8Array> },
  clock: Clock,
): { readonly source: Source; readonly description: string } {
  const readers = createReaders({ csv: csvSettings }, { clock });
  const places = { place: () => 'SOURCE' };
  if (source.startsWith('s3://')) {
    const settings = validate(s3Intake, { type: 's3', url: source, ...s3 }, new Set(), places);
    const { credentialId } = settings;
    if (credentialId !== null && configuration === undefined)
      throw new SluiceError('CONFIG_INVALID', `--credential-id names "${credentialId}"; name its file with --config.`);
    const credentials = credentialId === null ? null : s3KeysOf(configuration!, credentialId, '--credential-id');
    return { source: openS3Source({ csvSettings }, { ...settings, credentials }, clock), description: source };
  }
  if (/^https?:\/\//.test(source)) {
    const settings = validate(httpIntake, { type: 'http', url: source }, new Set(), places);
    return { source: openHttpSource({ csvSettings }, settings, clock), description: settings.name };
  }
  if (source === '-') {
    const input = { name: 'standard input', input: streams.input, readers, compression: 'none' as const };
    return { source: createStreamSource(input), description: 'standard input' };
  }
  const store = createFileStore();
  return {
    source: createObjectSource({ store, patterns: [source], readers, compression: 'auto' }),
    description: source,
  };
}
