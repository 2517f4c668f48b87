import type { LiveRuns } from './live-runs.ts';
import type { KafkaService } from './services/kafka.ts';
import { until } from './until.ts';

/** What a live job had written when it had been through the death of its broker. */
interface Survived {
  /** How many rows were sent, with IDs from 0 on, all to one partition. */
  readonly sent: number;
  /** The IDs that a reader of committed records sees, in the order of the output. */
  readonly scored: readonly number[];
}

/**
 * Has a live job score rows before, during and after a kill of the broker.
 * @param before is waited for before the kill, while rows are under way. @param away while the broker is down.
 */
export async function throughKilledBroker(
  live: LiveRuns,
  kafka: KafkaService,
  { before, away }: { readonly before?: () => Promise<void>; readonly away?: (state: () => string) => Promise<void> },
): Promise<Survived> {
  const place = await live.place(2);
  let sent = 0;
  const more = (): Promise<void> => {
    const rows = Array.from({ length: 100 }, (_, i) => ({ partition: 0, value: Buffer.from(`{"id":${sent + i}}`) }));
    sent += rows.length;
    return live.topics.send(place.input, rows);
  };
  await more();
  const run = live.begin(live.job(place, { kafka: { ...live.cluster, sessionSeconds: 2 } }));
  await until(
    () => run.progress().tally.scored > 0,
    () => JSON.stringify(run.progress()),
  );
  const under = more();
  await before?.();
  await kafka.kill();
  await away?.(() => run.progress().state);
  await kafka.start();
  await under;
  await more();
  await live.drained(place, run);
  await live.stop(run);
  const messages = await live.topics.read(place.output);
  const scored = messages.map(({ value }) => Number((JSON.parse(value!.toString()) as { id: string }).id));
  return { sent, scored };
}
