import { type JobDescription, resolveJob } from '../../../src/jobs/description/parse-job.ts';

/** A job over a memory Kafka. @param kafka what its setting `kafka` has besides. */
export function memoryJob(
  kafka: object = {},
): JobDescription & { readonly kafka: NonNullable<JobDescription['kafka']> } {
  const job = resolveJob({
    deployment: { id: 'd', server: 'http://localhost' },
    intakeSettings: { file: 'in.csv' },
    outputSettings: { path: 'out.csv' },
    engine: 'kafka',
    kafka: { brokers: 'memory:1', ...kafka },
  });
  return { ...job, kafka: job.kafka! };
}
