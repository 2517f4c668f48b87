import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Broker } from './broker.ts';
import { formattedRecords } from './formatted-records.ts';
import { type GuardedProcess, guardedProcess } from './guarded-process.ts';

/** Quick to start, and small. */
const quick = ['-Xms128m', '-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
/** Those of Kafka's own start script. */
const lasting = ['-Xms1g', '-Xmx1g', '-server', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20'];

/**
 * Makes a broker of the jars of Kafka: a Java process of this machine, with its own folder.
 * @param properties gives the text of server.properties for a folder of records.
 * @param format arguments of the format command.
 * @param lasts see `KafkaOptions.lasting`.
 * @param node its number in its cluster.
 */
export async function javaBroker(
  jars: string,
  properties: (logDir: string) => string,
  format: readonly string[],
  lasts: boolean,
  node = 1,
): Promise<Broker> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-kafka-'));
  const logDir = join(folder, 'records');
  const settings = join(folder, 'server.properties');
  const log = join(folder, 'broker.log');
  const java = ['java', ...(lasts ? lasting : quick), '-cp', join(jars, '*')];
  const text = properties(logDir);
  writeFileSync(settings, text);
  try {
    // The last line of a setting counts.
    const records = [...text.matchAll(/^log\.dirs=(.*)$/gm)].at(-1)?.[1] ?? logDir;
    cpSync(await formattedRecords(jars, properties, format), records, { recursive: true });
    if (node > 1) nameNode(join(records, 'meta.properties'), node);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  let running: GuardedProcess | null = null;
  const signal = (name: NodeJS.Signals): boolean => running?.isRunning === true && process.kill(running.pid, name);
  const kill = async (): Promise<void> => {
    if (signal('SIGKILL')) await running!.ended;
  };
  const stop = async (): Promise<void> => {
    signal('SIGCONT');
    if (!signal('SIGTERM')) return;
    const patience = setTimeout(() => signal('SIGKILL'), 10_000);
    await running!.ended;
    clearTimeout(patience);
  };
  return {
    start: async () => {
      if (running?.isRunning !== true)
        running = await guardedProcess([...java, 'kafka.Kafka', settings], { folder, log });
    },
    kill,
    pause: async () => {
      if (signal('SIGSTOP')) await stopped(running!.pid);
    },
    resume: async () => void signal('SIGCONT'),
    stop,
    remove: async () => {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
    get pid() {
      return running?.isRunning === true ? running.pid : null;
    },
    get isRunning() {
      return running?.isRunning === true;
    },
    logDir,
    said: async () => running?.said() ?? '',
  };
}

/** What was formatted is that of the first node; each has a number and a folder of its own. */
function nameNode(file: string, node: number): void {
  const directory = randomBytes(16).toString('base64url').replace(/^-/, 'A');
  const named = readFileSync(file, 'utf8')
    .replace(/^node\.id=.*$/m, `node.id=${node}`)
    .replace(/^directory\.id=.*$/m, `directory.id=${directory}`);
  writeFileSync(file, named);
}

/** Resolves when every thread of a process stands still: on a busy machine some answer for a moment after SIGSTOP was sent. */
async function stopped(pid: number): Promise<void> {
  const tasks = `/proc/${pid}/task`;
  // Elsewhere than on Linux nothing tells.
  if (!existsSync(tasks)) return;
  while (!readdirSync(tasks).every((task) => stateOf(`${tasks}/${task}/stat`) === 'T'))
    await new Promise((resolve) => setTimeout(resolve, 2));
}

/** The letter of a thread's state, which follows its name in parentheses; of one that has ended meanwhile, as if it stood still. */
function stateOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').split(') ').at(-1)!.charAt(0);
  } catch {
    return 'T';
  }
}
