import type { JobDescription } from '../description/parse-job.ts';
import { registryOf } from '../kafka/open-topics.ts';
import type { ExamineOptions } from './examine-options.ts';
import type { Finding } from './finding.ts';
import { looked } from './looking.ts';

/** Whether the schema registries of the intake and the output answer. */
export async function examineRegistries(job: JobDescription, options: ExamineOptions): Promise<readonly Finding[]> {
  const ends = [job.intakeSettings, job.outputSettings];
  const settings = ends.flatMap((end) => (end.type === 'kafka' && end.registry !== null ? [end.registry] : []));
  const once = settings.filter(({ url }, index) => settings.findIndex((other) => other.url === url) === index);
  return await Promise.all(
    once.map((registry) =>
      looked(
        'schema registry',
        async (signal) => {
          await registryOf(registry, options.clock)?.check(signal);
          return `${registry.url} answers`;
        },
        options,
      ),
    ),
  );
}
