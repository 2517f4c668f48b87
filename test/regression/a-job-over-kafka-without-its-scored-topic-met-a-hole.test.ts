import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { jobTopics } from '../../src/links/kafka/job/job-topics.ts';
import { KafkaFaultRig, passed } from '../support/kafka-fault-rig.ts';
import { kafkaService } from '../support/services/kafka.ts';
import { needs } from '../support/services/needs.ts';

// The group's offsets said that the rows were scored, so nobody scored them again, and deliver failed with "batch 30 comes where 0
// should; records were removed from the topic".
needs('kafka')('a stopped job over Kafka whose scored topic was removed', () => {
  test('scores its rows again for an output that has nothing yet', async () => {
    await using rig = await KafkaFaultRig.start({ broker: await kafkaService() });
    rig.respond(() => ({ after: passed(10) }));
    const name = `hole-${process.pid}`;
    const first = rig.run(name);
    await rig.requests(10);
    first.process.kill('SIGTERM');
    expect(await first.ended).toMatchObject({ code: 130 });
    await rig.ask(({ topics }) => topics.remove([jobTopics(name).scored]));
    const path = join(rig.folder, 'elsewhere.csv');
    expect(await rig.run(name, { outputSettings: { path } }).ended).toMatchObject({ code: 0 });
    expect(readFileSync(path).equals(await rig.expected())).toBe(true);
  }, 120_000);
});
