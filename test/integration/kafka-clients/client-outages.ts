import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SluiceError } from '../../../src/core/error.ts';
import type { KafkaClient, TransactionalProducer } from '../../../src/links/kafka/client.ts';
import { type KafkaService, startKafka } from '../../support/services/kafka.ts';
import {
  Assignments,
  type CreateKafkaClient,
  consumerOptions,
  freshName,
  freshTopic,
  plainConnection,
  pollAll,
  textRecord,
  texts,
} from './client-harness.ts';

/** What every adapter must bear: brokers that are killed and come back. */
export function describeOutages(name: string, create: CreateKafkaClient): void {
  describe(`${name}: outages`, () => {
    let service: KafkaService;
    let client: KafkaClient;
    const signal = (): AbortSignal => AbortSignal.timeout(100_000);

    beforeAll(async () => {
      service = await startKafka({ config: { 'group.min.session.timeout.ms': '1000' } });
      client = create(plainConnection(service.brokers));
    });
    afterAll(async () => {
      await client?.close();
      await service?.[Symbol.asyncDispose]();
    });

    test('a broker that is killed and comes back costs a wait: no record is lost, doubled or moved', async () => {
      const topic = await freshTopic(client, 2);
      const [each, signals] = [1_500, signal()];
      await using producer = await client.producer({ compression: 'none' }, signals);
      const produce = async (): Promise<void> => {
        const open = new Set<Promise<void>>();
        for (let index = 0; index < each; index += 1) {
          const records = [textRecord(`${index}`)];
          const sent = producer.send(
            [0, 1].map((partition) => ({ topic, partition, records })),
            signals,
          );
          open.add(sent);
          sent.then(
            () => open.delete(sent),
            () => undefined,
          );
          if (open.size >= 8) await Promise.race(open);
          if (index % 500 === 250) outage = outage.then(restart);
        }
        await Promise.all(open);
      };
      let outage: Promise<void> = Promise.resolve();
      const restart = async (): Promise<void> => {
        await service.kill();
        await service.start();
      };

      // A member may lose its partitions meanwhile; whoever gets them next continues at what was committed.
      const seen = new Map<number, string[]>([0, 1].map((partition) => [partition, []]));
      const finished = new AbortController();
      const options = consumerOptions([topic], freshName('group'), { sessionTimeoutMs: 10_000 });
      await using consumer = await client.consumer(options, signals);
      const read = async (): Promise<void> => {
        const readers: Promise<void>[] = [];
        try {
          for await (const partition of consumer.assignments(AbortSignal.any([signals, finished.signal]))) {
            const list = seen.get(partition.partition)!;
            readers.push(
              (async () => {
                await using held = partition;
                list.length = held.start;
                while (!held.lost.aborted && list.length < each) {
                  const records = await held.poll(1_000, held.revoked).catch(() => []);
                  if (held.revoked.aborted) return;
                  list.push(...texts(records));
                  await held.commit(list.length).catch(() => undefined);
                }
                if ([...seen.values()].every(({ length }) => length >= each)) finished.abort();
              })(),
            );
          }
        } catch (error) {
          if (!finished.signal.aborted) throw error;
        }
        await Promise.all(readers);
      };
      await Promise.all([produce(), read()]);
      await outage;
      const expected = Array.from({ length: each }, (_, index) => `${index}`);
      expect(seen.get(0)).toEqual(expected);
      expect(seen.get(1)).toEqual(expected);
    }, 120_000);

    test('a process that was stopped for longer than the session writes nothing when it wakes', async () => {
      const topic = await freshTopic(client, 1);
      const group = freshName('group');
      const sessionTimeoutMs = 2_000;
      const program = join(import.meta.dirname, 'holder.ts');
      const holder = spawn(
        process.execPath,
        [program, name, service.brokers[0]!, topic, group, `${sessionTimeoutMs}`],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      try {
        const lines = createInterface({ input: holder.stdout })[Symbol.asyncIterator]();
        expect((await lines.next()).value).toBe('write');
        holder.kill('SIGSTOP');
        await using consumer = await client.consumer(consumerOptions([topic], group), signal());
        const partition = await new Assignments(consumer, signal()).next();
        // What it said before it was stopped has been read by now: everything from here on was said after it woke.
        const said: string[] = [];
        const rest = (async () => {
          for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
            said.push(line.value);
            if (line.value === 'lost') return;
          }
        })();
        await client.topics.list();
        const before = said.length;
        holder.kill('SIGCONT');
        await rest;
        expect(said.slice(before)).toEqual(['lost']);
        await partition[Symbol.asyncDispose]();
      } finally {
        holder.kill('SIGKILL');
      }
    });

    test('transactions over an outage: what is in doubt is settled by taking the id anew', async () => {
      const [input, output] = [await freshTopic(client, 1), await freshTopic(client, 1)];
      const [group, transactionalId, signals] = [freshName('group'), freshName('id'), signal()];
      const take = (): Promise<TransactionalProducer> =>
        client.transactionalProducer({ transactionalId, timeoutMs: 10_000, compression: 'none' }, signals);
      let [producer, next] = [await take(), 0];
      const outages: Promise<void>[] = [];
      const rounds = 400;
      while (next < rounds) {
        if (next === 150 * (outages.length + 1)) {
          outages.push(service.kill().then(() => service.start()));
        }
        try {
          const records = [textRecord(`${next}`)];
          const offsets = [{ topic: input, partition: 0, offset: next + 1 }];
          await producer.commit([{ topic: output, partition: 0, records }], [{ group, offsets }], signals);
          next += 1;
        } catch (error) {
          expect(error).toBeInstanceOf(SluiceError);
          await producer.close();
          producer = await take();
          next =
            (await producer.settled(
              group,
              { topic: input, partition: 0 },
              async () => [{ topic: output, partition: 0 }],
              signals,
            )) ?? 0;
        }
      }
      await producer.close();
      await Promise.all(outages);
      await using consumer = await client.consumer(consumerOptions([output], null), signals);
      const partition = await new Assignments(consumer, signals).next();
      const got = texts(await pollAll(partition, rounds, signals));
      expect(got).toEqual(Array.from({ length: rounds }, (_, index) => `${index}`));
      await partition[Symbol.asyncDispose]();
    }, 120_000);

    test('a broker that stays away is said to be unreachable when the time for retries is over', async () => {
      const topic = await freshTopic(client, 1);
      await using hasty = create(plainConnection(service.brokers, { retryMs: 2_000 }));
      const producer = await hasty.producer({ compression: 'none' }, signal());
      const options = consumerOptions([topic], freshName('group'), { sessionTimeoutMs: 2_000, drainMs: 500 });
      const consumer = await hasty.consumer(options, signal());
      const assignments = new Assignments(consumer, signal());
      const partition = await assignments.next();
      const polled = expect(partition.poll(1, signal())).rejects.toBeDefined();
      await service.kill();
      try {
        const sent = producer.send([{ topic, partition: 0, records: [textRecord('x')] }], signal());
        await expect(sent).rejects.toMatchObject({ code: 'KAFKA_UNREACHABLE', retryable: true });
        await polled;
        expect(partition.lost.aborted).toBe(true);
        await expect(assignments.next()).rejects.toMatchObject({ code: 'KAFKA_UNREACHABLE' });
      } finally {
        await service.start();
      }
    }, 90_000);
  });
}
