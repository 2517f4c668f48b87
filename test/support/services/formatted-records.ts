import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

/**
 * A folder of records as Kafka's format command leaves it, to be copied: the command takes seconds, and does the same for each broker. It is
 * kept beside the jars, and gets its name when it is whole.
 * @param properties gives the text of server.properties for a folder of records.
 * @param format arguments of the format command.
 */
export async function formattedRecords(
  jars: string,
  properties: (logDir: string) => string,
  format: readonly string[],
): Promise<string> {
  const kind = createHash('sha256').update(JSON.stringify(format)).digest('hex').slice(0, 12);
  const target = join(dirname(jars), `formatted-${kind}`);
  if (existsSync(target)) return target;
  const made = mkdtempSync(join(dirname(jars), '.formatted-'));
  const [settings, records] = [join(made, 'server.properties'), join(made, 'records')];
  writeFileSync(settings, `${properties(records)}log.dirs=${records}\n`);
  const cluster = randomBytes(16).toString('base64url').replace(/^-/, 'A');
  const java = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', join(jars, '*'), 'kafka.tools.StorageTool'];
  try {
    await promisify(execFile)('java', [...java, 'format', '-t', cluster, '-c', settings, ...format]);
    renameSync(records, target);
  } catch (error) {
    // Another process was first.
    if (!existsSync(target)) throw error;
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
  return target;
}
