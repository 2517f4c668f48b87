import { Command } from 'commander';
import { jobJsonSchema } from '../../jobs/description/job-json-schema.ts';

/** `sluice schema`. */
export function schemaCommand(): Command {
  return new Command('schema')
    .description('Prints the JSON schema of a job file, for editors and validators.')
    .addHelpText('after', '\nExample:\n  sluice schema > job.schema.json')
    .action(() => {
      process.stdout.write(`${JSON.stringify(jobJsonSchema(), null, 2)}\n`);
    });
}
