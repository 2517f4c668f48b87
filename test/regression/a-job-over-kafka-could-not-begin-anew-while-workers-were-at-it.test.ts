import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { KafkaFaultRig } from '../support/kafka-fault-rig.ts';
import { kafkaService } from '../support/services/kafka.ts';
import { needs } from '../support/services/needs.ts';

// --overwrite behind a run that was killed removed the topics and then failed with NON_EMPTY_GROUP, as the workers were still there.
needs('kafka')('a job over Kafka that is killed and begun anew with other columns, while a worker is at it', () => {
  test('has its new columns in every row', async () => {
    await using rig = await KafkaFaultRig.start({ broker: await kafkaService() });
    const midway = rig.standsStillAfter(20);
    const name = `anew-${process.pid}`;
    const worker = await rig.worker(`${name}-worker`);
    const first = rig.run(name);
    await worker.says(new RegExp(`joined the job ${name}`));
    await midway;
    first.process.kill('SIGKILL');
    await first.ended;
    rig.respond(() => undefined);
    const again = rig.run(name, { passthroughColumns: ['x', 'id'] }, { arguments: ['--overwrite'] });
    expect(await again.ended).toMatchObject({ code: 0 });
    const rows = Array.from({ length: rig.rows }, (_, id) => `${2 * id},${id % 97},${id}\n`).join('');
    expect(readFileSync(again.output, 'utf8')).toBe(`y_PREDICTION,x,id\n${rows}`);
    expect(await worker.stop()).toBe(0);
  }, 120_000);
});
