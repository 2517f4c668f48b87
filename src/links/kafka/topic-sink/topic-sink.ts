import { createHash } from 'node:crypto';
import type { Clock } from '../../../core/clock.ts';
import { findSluiceError, SluiceError } from '../../../core/error.ts';
import { canonicalJson } from '../../../core/json.ts';
import { freshLedger, type JobIdentity, type Ledger, ledgerAfter, type Manifest } from '../../../core/ledger.ts';
import type { MessageWriter } from '../../../core/message-format.ts';
import { columnNames, type Schema } from '../../../core/schema.ts';
import type { ScoredBatch } from '../../../core/scored-batch.ts';
import type { ManifestFacts, Sink } from '../../../core/sink.ts';
import type { KafkaClient, KafkaCompression } from '../client.ts';
import { type GroupCommitLimits, GroupCommits, TRANSACTION_LIMITS } from '../live/writer-group-commits.ts';
import type { WriterHold } from '../live/writer-link.ts';
import { RowMessages } from '../live/writer-messages.ts';
import type { WriterTarget } from '../live/writer-pieces.ts';
import { WriterRequests } from '../live/writer-requests.ts';
import { foundLedger } from './found-ledger.ts';
import { LedgerTopic } from './ledger-topic.ts';
import { holdOutput } from './sink-hold.ts';
import { NONE_AHEAD, type SinkAhead, type SinkLedger } from './sink-ledger.ts';
import { sinkPieces } from './sink-pieces.ts';
import { holdingsAfter, holdingsOf, manifestObjects } from './topic-holdings.ts';

export interface TopicSinkOptions {
  readonly client: KafkaClient;
  readonly topic: string;
  /** Null: dead letters are counted only. */
  readonly deadLetterTopic: string | null;
  /** How the job marks its dead letters. Left out: by the ID of the output. */
  readonly letterJob?: string | undefined;
  readonly messages: MessageWriter;
  /** The output column whose text is the key, and decides the partition. Null: no keys; batches take the partitions in turn. */
  readonly keyColumn: string | null;
  /** False: no transactions; rows behind the last ledger are written again after a crash. */
  readonly exactlyOnce: boolean;
  /** Writes the rows once more although this job has finished, or begun, the output. */
  readonly overwrite: boolean;
  readonly compression: KafkaCompression;
  /** Before the job's digest in the name of the transactional ID and of the group that holds the offset. Default `sluice-output`. */
  readonly prefix?: string | undefined;
  /** Default `sluice.ledgers`; made, compacted, if it is not there. */
  readonly ledgerTopic?: string | undefined;
  /** Of the ledger topic; null: the cluster's default. */
  readonly replicationFactor: number | null;
  /** Milliseconds after which the broker aborts a transaction that nobody ends. Default 30,000. */
  readonly timeoutMs?: number | undefined;
  readonly limits?: Partial<GroupCommitLimits> | undefined;
  readonly clock: Clock;
  /** Told of a failure of the cluster that is waited for; undefined when it is over. */
  readonly onWait?: ((error: SluiceError | undefined) => void) | undefined;
}

const LIMITS: GroupCommitLimits = {
  ...TRANSACTION_LIMITS,
  maxRequestBytes: 700_000,
  maxPendingBytes: 16_000_000,
};

/** The state after a piece: what the ledger will say. */
interface Mark {
  readonly ledger: Ledger;
  readonly ahead: SinkAhead;
  readonly manifest: Manifest | null;
}

/** What an open output has. */
interface Open {
  readonly job: JobIdentity;
  readonly output: WriterTarget;
  readonly deadLetters: WriterTarget | null;
  readonly ledgers: LedgerTopic;
  readonly hold: WriterHold;
  readonly commits: GroupCommits<Mark>;
}

/**
 * The sink of a bounded job into a topic: a message per output row, in the order of the job within each partition. An output is one job (a
 * digest of its identity) in one topic: a job that finished is refused with OUTPUT_EXISTS, and other jobs may write the same topic.
 *
 * Exactly once: rows, ledger and the ledger's revision, as a committed offset, in one transaction; whoever reads committed records sees each
 * row once. A second run of the same output takes it over, and the first ends with KAFKA_FENCED. Rows are sent while later ones
 * are written; `commit` waits for them.
 *
 * What a topic has cannot be taken back: rows are visible before `publish`, and stay when the output is overwritten or discarded.
 */
export function createTopicSink(options: TopicSinkOptions): Sink {
  const { client, clock, topic, deadLetterTopic, exactlyOnce, overwrite, keyColumn, compression } = options;
  const limits = { ...LIMITS, ...options.limits };
  const mapping = {
    key: keyColumn === null ? 'none' : { column: keyColumn },
    headers: 'drop',
    timestamp: 'now',
  } as const;
  const messages = new RowMessages(options.messages, mapping);
  let opened: Open | undefined;
  let idOf = '';
  let revision = 0;
  /** What was accepted, and what of it is durable. */
  let accepted: Ledger;
  let ahead = NONE_AHEAD;
  let durable: Ledger;

  const open = (): Open => {
    if (opened !== undefined) return opened;
    throw new SluiceError('CONTRACT_BROKEN', `the output ${topic} is written without being open`);
  };
  const target = async (name: string): Promise<WriterTarget> => {
    const partitions = await client.topics.partitions(name);
    if (partitions !== null) return { topic: name, partitions };
    throw new SluiceError(
      'KAFKA_TOPIC_MISSING',
      `there is no topic ${name} to write to; create it, or correct its name`,
    );
  };
  const sinkLedger = (mark: Mark | null): SinkLedger => ({
    version: 1,
    revision: revision + 1,
    exactlyOnce,
    ledger: mark && withoutJob(mark.ledger),
    ahead: mark?.ahead ?? NONE_AHEAD,
    manifest: mark?.manifest ? withoutJob(mark.manifest) : null,
  });
  /** Says that nothing counts: the output begins anew behind this. */
  const beginAnew = async (ledgers: LedgerTopic, hold: WriterHold, signal: AbortSignal): Promise<void> => {
    await hold.commit([ledgers.records(sinkLedger(null))], revision, revision + 1, signal);
    revision += 1;
  };
  const take = (ledgers: LedgerTopic, signal: AbortSignal): Promise<WriterHold> => {
    const { timeoutMs = 30_000 } = options;
    const topics = deadLetterTopic === null ? [topic] : [topic, deadLetterTopic];
    const { place } = ledgers;
    return holdOutput({ client, id: idOf, exactlyOnce, place, topics, compression, timeoutMs }, signal);
  };
  const commitsOf = (ledgers: LedgerTopic, hold: WriterHold): GroupCommits<Mark> =>
    new GroupCommits<Mark>({
      commit: async (requests, mark, signal) => {
        const all = [...requests.batches(), ledgers.records(sinkLedger(mark))];
        await hold.commit(all, revision, revision + 1, signal);
        revision += 1;
      },
      onDurable: (mark) => {
        durable = mark.ledger;
      },
      onWait: (error) => options.onWait?.(error),
      limits,
      clock,
    });
  const letGo = async (): Promise<void> => {
    const closing = opened;
    opened = undefined;
    closing?.commits.stop(new SluiceError('JOB_INTERRUPTED', `the output ${topic} was closed`));
    await closing?.hold.close();
  };

  return {
    guarantee: exactlyOnce ? 'exactly-once' : 'at-least-once',
    open: async (job, signal) => {
      const output = await target(topic);
      const deadLetters = deadLetterTopic === null ? null : await target(deadLetterTopic);
      idOf = `${options.prefix ?? 'sluice-output'}-${digestOf(job)}-${topic}`;
      const { ledgerTopic = 'sluice.ledgers', replicationFactor } = options;
      const ledgers = await LedgerTopic.open({ client, topic: ledgerTopic, replicationFactor }, idOf);
      const hold = await take(ledgers, signal);
      try {
        const all = await ledgers.read((batches) => hold.commit(batches, hold.from, hold.from, signal), signal);
        const committed = exactlyOnce ? hold.from : null;
        const found = foundLedger(all, { name: `topic ${topic}`, exactlyOnce, overwrite, committed });
        ({ revision } = found);
        const ledger = found.ledger?.ledger ?? null;
        accepted = ledger === null ? freshLedger(job) : { ...ledger, job };
        durable = accepted;
        ahead = found.ledger?.ahead ?? NONE_AHEAD;
        if (found.ledger === null) await beginAnew(ledgers, hold, signal);
        opened = { job, output, deadLetters, ledgers, hold, commits: commitsOf(ledgers, hold) };
        return ledger === null ? null : accepted;
      } catch (error) {
        await hold.close().catch(() => undefined);
        throw error;
      }
    },
    write: async (batch: ScoredBatch, schema: Schema, signal) => {
      const { commits, output, deadLetters } = open();
      await commits.room(signal);
      const records = await messages.of({ ...batch.output, schema }, undefined, signal);
      signal.throwIfAborted();
      const before = accepted;
      const holds = holdingsAfter(holdingsOf(before.holds), batch, records);
      accepted = { ...ledgerAfter(before, batch, columnNames(schema)), holds };
      const rest = {
        rows: Math.max(0, ahead.rows - records.length),
        letters: Math.max(0, ahead.letters - batch.deadLetters.length),
      };
      const pieces = sinkPieces<Mark>(batch, records, {
        output,
        deadLetters,
        job: options.letterJob ?? idOf,
        ahead,
        maxRequestBytes: limits.maxRequestBytes,
        partly: (part) => ({ ledger: before, ahead: part, manifest: null }),
        wholly: { ledger: accepted, ahead: rest, manifest: null },
      });
      ahead = rest;
      commits.push(pieces);
    },
    commit: async (signal) => {
      await open().commits.flush(signal);
      return durable;
    },
    publish: async (facts: ManifestFacts, schema, signal) => {
      const { commits } = open();
      const objects = manifestObjects(holdingsOf(accepted.holds), topic, deadLetterTopic);
      const manifest: Manifest = { ...facts, columns: columnNames(schema), objects };
      commits.push([{ requests: new WriterRequests(), mark: { ledger: accepted, ahead: NONE_AHEAD, manifest } }]);
      await commits.flush(signal);
      return manifest;
    },
    check: async () => {
      await target(topic);
      if (deadLetterTopic !== null) await target(deadLetterTopic);
    },
    discard: async () => {
      const { ledgers, commits } = open();
      const fenced = findSluiceError(commits.failure)?.code === 'KAFKA_FENCED';
      await letGo();
      // Whoever has taken the output over goes on with what was written.
      if (fenced) return;
      const { signal } = new AbortController();
      const hold = await take(ledgers, signal);
      // A commit that was under way may have come to be.
      revision = exactlyOnce ? hold.from : revision + 1;
      try {
        await beginAnew(ledgers, hold, signal);
      } finally {
        await hold.close();
      }
    },
    close: letGo,
    [Symbol.asyncDispose]: letGo,
  };
}

function digestOf(job: JobIdentity): string {
  return createHash('sha256').update(canonicalJson(job)).digest('hex').slice(0, 32);
}

function withoutJob<T extends { readonly job: JobIdentity }>(whole: T): Omit<T, 'job'> {
  const { job, ...rest } = whole;
  void job;
  return rest;
}
