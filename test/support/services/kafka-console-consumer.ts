import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import kafkajs from 'kafkajs';
import { plainKafka } from '../plain-kafka.ts';
import { kafkaTools } from './kafka-tools.ts';

/** A record as Java's consumer gives it. */
export interface ConsoleRecord {
  readonly partition: number;
  readonly offset: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** In their order; a name ends at its first colon. */
  readonly headers: readonly (readonly [name: string, value: Buffer | null])[];
}

export interface ConsoleOptions {
  /** `read_committed` unless told. */
  readonly isolation?: 'read_committed' | 'read_uncommitted';
  /** Ends after so many records; left out: at the end that the topic had when the call began. */
  readonly count?: number;
  /** Milliseconds that it may take. */
  readonly timeoutMs?: number;
}

const separator = '\u0001';
/** What is printed for null. The deserializer prints it as it does bytes, so nothing short is safe from being a value. */
const nothing = `null-${randomUUID()}`;

/**
 * Reads a topic from its beginning with Java's console consumer: a judge that is none of ours. Records are in the order in
 * which it gave them, which within a partition is theirs.
 * @throws Error when the time is up, with the count of what came: such as when a transaction is still open.
 */
export async function kafkaConsoleConsumer(
  brokers: readonly string[],
  topic: string,
  options: ConsoleOptions = {},
): Promise<readonly ConsoleRecord[]> {
  // Right after a broker was killed it may give up at once; the records are there for the next one.
  for (let again = 2; ; again -= 1) {
    try {
      return await readOnce(brokers, topic, options);
    } catch (error) {
      if (again === 0) throw error;
    }
  }
}

async function readOnce(
  brokers: readonly string[],
  topic: string,
  options: ConsoleOptions,
): Promise<readonly ConsoleRecord[]> {
  const { isolation = 'read_committed', count, timeoutMs = 60_000 } = options;
  const jars = await kafkaTools();
  const group = `console-${randomUUID()}`;
  // Prints bytes that are no plain ASCII, and the backslash, as \xNN: nothing is lost, and no separator is mistaken.
  const bytes = 'org.apache.kafka.common.serialization.BytesDeserializer';
  const formatter = {
    'print.partition': 'true',
    'print.offset': 'true',
    'print.headers': 'true',
    'print.key': 'true',
    'key.separator': '\t',
    'headers.separator': separator,
    'null.literal': nothing,
    'key.deserializer': bytes,
    'value.deserializer': bytes,
    'headers.deserializer': bytes,
  };
  const flags = [
    '--bootstrap-server',
    brokers.join(','),
    '--topic',
    topic,
    '--group',
    group,
    '--from-beginning',
    '--isolation-level',
    isolation,
    '--command-property',
    'auto.commit.interval.ms=100',
    ...(count === undefined ? [] : ['--max-messages', String(count)]),
    ...Object.entries(formatter).flatMap(([name, value]) => ['--formatter-property', `${name}=${value}`]),
  ];
  const java = ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', `${jars}/*`];
  const child = spawn('java', [...java, 'org.apache.kafka.tools.consumer.ConsoleConsumer', ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [output, complaint, ended] = [text(child.stdout), text(child.stderr), once(child, 'exit')];
  const late = AbortSignal.timeout(timeoutMs);
  try {
    if (count === undefined) await committedToTheEnd(brokers, topic, group, () => child.exitCode !== null, late);
    else await Promise.race([ended, once(late, 'abort')]);
  } finally {
    child.kill(late.aborted ? 'SIGKILL' : 'SIGTERM');
    await ended;
  }
  const lines = (await output).split('\n').slice(0, -1);
  if (late.aborted)
    throw new Error(`Java's console consumer gave ${lines.length} records in ${timeoutMs} ms: ${await complaint}`);
  return lines.map(recordOf);
}

/** The consumer commits how far it has read, control records and aborted ones included, after it has printed. */
async function committedToTheEnd(
  brokers: readonly string[],
  topic: string,
  group: string,
  hasEnded: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  const admin = plainKafka(brokers).admin();
  await admin.connect();
  try {
    const ends = (await admin.fetchTopicOffsets(topic)).filter(({ low, high }) => low !== high);
    for (;;) {
      // A group's coordinator that is being loaded is an error that this call does not wait out by itself.
      const [committed] = await admin.fetchOffsets({ groupId: group, topics: [topic] }).catch(retriable);
      const at = new Map(committed?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
      if (ends.every(({ partition, high }) => (at.get(partition) ?? -1) >= Number(high))) return;
      if (signal.aborted) return;
      if (hasEnded()) throw new Error("Java's console consumer ended by itself before the end of the topic.");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  } finally {
    await admin.disconnect();
  }
}

function retriable(error: unknown): [] {
  if (error instanceof kafkajs.KafkaJSError && error.retriable) return [];
  throw error;
}

/** `Partition:0 TAB Offset:7 TAB name:value… TAB key TAB value`, each in printable ASCII. */
function recordOf(line: string): ConsoleRecord {
  const [partition, offset, headers, key, value] = line.split('\t');
  if (value === undefined) throw new Error(`Java's console consumer printed no record but: ${line}`);
  return {
    partition: Number(partition!.replace('Partition:', '')),
    offset: Number(offset!.replace('Offset:', '')),
    headers: headers === 'NO_HEADERS' ? [] : headers!.split(separator).map(headerOf),
    key: bytesOf(key!),
    value: bytesOf(value),
  };
}

function headerOf(printed: string): readonly [string, Buffer | null] {
  const colon = printed.indexOf(':');
  return [printed.slice(0, colon), bytesOf(printed.slice(colon + 1))];
}

function bytesOf(printed: string): Buffer | null {
  if (printed === nothing) return null;
  return Buffer.from(
    printed.replaceAll(/\\x([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))),
    'latin1',
  );
}
