import type { KafkaClient, TransactionalProducer } from '../../src/links/kafka/client.ts';
import { runUntilKilled, runWholeOutput, SinkPlan, type SinkPlanSize } from '../../src/testing.ts';
import { keepCompiled } from '../support/compiled-child.ts';
import { type TopicOutputPlace, topicSink } from './kafka-output.ts';
import { kafkaClient } from './kafka-place.ts';

/*
 * Writes a whole output and dies by SIGKILL at its n-th change of the cluster, from 0: of three numbers the first is a death before the
 * change, the second one while it is under way, the third one after it. Or it dies at a moment of the run, by name.
 */
keepCompiled();
const [place = '', size = '', operation = ''] = process.argv.slice(2);
const moment = operation === 'written' || operation === 'committed' ? operation : null;
const wanted = moment === null ? Number(operation) : Number.POSITIVE_INFINITY;
let changes = 0;

function die(): never {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('still alive');
}

async function change<T>(work: () => Promise<T>): Promise<T> {
  const first = 3 * changes;
  changes += 1;
  if (wanted === first) die();
  const result = work();
  if (wanted === first + 1) setTimeout(die, 2);
  const done = await result;
  if (wanted === first + 2) die();
  return done;
}

function dying(client: KafkaClient): KafkaClient {
  return {
    topics: client.topics,
    producer: (options, signal) => change(() => client.producer(options, signal)),
    consumer: (options, signal) => client.consumer(options, signal),
    transactionalProducer: async (options, signal) => {
      const producer = await change(() => client.transactionalProducer(options, signal));
      const counted: TransactionalProducer = {
        commit: (batches, offsets, until) => change(() => producer.commit(batches, offsets, until)),
        settled: (group, place, written, until) => producer.settled(group, place, written, until),
        close: () => producer.close(),
        [Symbol.asyncDispose]: () => producer.close(),
      };
      return counted;
    },
    close: () => client.close(),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

const where = JSON.parse(place) as TopicOutputPlace;
const plan = new SinkPlan(JSON.parse(size) as SinkPlanSize);
const sink = topicSink(where, dying(kafkaClient(where)), false);
if (moment !== null) await runUntilKilled(sink, plan, moment);
await runWholeOutput(sink, plan, new AbortController().signal);
