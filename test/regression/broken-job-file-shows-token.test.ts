import { once } from 'node:events';
import { expect, test } from 'vitest';
import { parseJob } from '../../src/jobs/description/parse-job.ts';

const TOKEN = 'tok-4f9a7c';

function messageFor(text: string): string {
  try {
    parseJob(text, 'job.yaml', { env: {} });
  } catch (error) {
    return String(error);
  }
  throw new Error('the job was not refused');
}

test('a quote too many makes a name of half the line; the message does not quote it', () => {
  const message = messageFor(`deployment: { id: flights", token: "${TOKEN}", server: "http://h" }\n`);
  expect(message).toContain('job.yaml:1:');
  expect(message).not.toContain(TOKEN);
});

test('a mapping in place of a name is refused without a warning of the parser that prints it', async () => {
  const warnings: string[] = [];
  const collect = (warning: Error): number => warnings.push(warning.message);
  process.on('warning', collect);
  const message = messageFor(`? { token: ${TOKEN} }\n: 1\n`);
  // Warnings come in the order in which they were made: after ours, an earlier one has come too.
  const ours = once(process, 'warning');
  process.emitWarning('the last one');
  await ours;
  process.off('warning', collect);
  expect(message).not.toContain(TOKEN);
  expect(warnings).toEqual(['the last one']);
});
