import { defaultS3Settings, type S3Settings } from '../../connectors/s3/s3-settings.ts';
import { createS3Store } from '../../connectors/s3/s3-store.ts';
import { createObjectSink } from '../codecs/objects/object-sink.ts';
import { createObjectSource } from '../codecs/objects/object-source.ts';
import type { Clock } from '../core/clock.ts';
import type { Sink } from '../core/sink.ts';
import type { Source } from '../core/source.ts';
import type { JobDescription } from './description/parse-job.ts';
import { intakeReaders, outputWriter } from './formats-of-job.ts';
import { isPartitioned, openPartitionedSink } from './partitioned-output.ts';
import { describedS3Credentials } from './s3-keys.ts';

type S3Intake = Extract<JobDescription['intakeSettings'], { readonly type: 's3' }>;
type S3Output = Extract<JobDescription['outputSettings'], { readonly type: 's3' }>;

/** The source of an intake in S3. */
export function openS3Source(job: Pick<JobDescription, 'csvSettings'>, intake: S3Intake, clock: Clock): Source {
  const { customerKey, rangeBytes, aheadBytes, compression } = intake;
  const encryption =
    customerKey === null ? null : { ...NO_ENCRYPTION, customerAlgorithm: 'AES256', customerKey: customerKey.reveal() };
  const store = createS3Store({ settings: { ...accessOf(intake), encryption, rangeBytes, aheadBytes }, clock });
  return createObjectSource({
    store,
    patterns: [intake.url],
    readers: intakeReaders(job, intake, { clock }),
    compression,
  });
}

/** The sink of an output in S3. */
export function openS3Sink(
  job: JobDescription,
  output: S3Output,
  { clock, overwrite }: { readonly clock: Clock; readonly overwrite: boolean },
): Sink {
  const { url } = output;
  const { path: deadLettersUrl } = job.deadLetters;
  if (isPartitioned(output)) {
    const open = (letters: 'named' | 'usual') =>
      openS3Store(output, letters === 'named' ? deadLettersUrl : null, clock);
    return openPartitionedSink(output, url, open, { clock, overwrite });
  }
  const store = openS3Store(output, deadLettersUrl, clock);
  const writer = outputWriter(job, output, url, { clock });
  return createObjectSink({ store, key: url, writer, overwrite });
}

/** The store of an output in S3. */
export function openS3Store(
  output: S3Output,
  deadLettersUrl: string | null,
  clock: Clock,
): ReturnType<typeof createS3Store> {
  const { serverSideEncryption: given, partBytes } = output;
  const encryption = given === null ? null : { ...given, customerKey: given.customerKey?.reveal() ?? null };
  return createS3Store({ settings: { ...accessOf(output), encryption, partBytes }, deadLettersUrl, clock });
}

const NO_ENCRYPTION = { algorithm: null, kmsKeyId: null, kmsEncryptionContext: null } as const;

function accessOf({
  credentials,
  endpointUrl,
  region,
  pathStyle,
  checksums,
  connections,
  guard,
}: S3Intake | S3Output): S3Settings {
  return {
    ...defaultS3Settings,
    credentials: describedS3Credentials(credentials),
    endpointUrl,
    region,
    pathStyle,
    checksums,
    connections,
    guard: guard ?? null,
  };
}
