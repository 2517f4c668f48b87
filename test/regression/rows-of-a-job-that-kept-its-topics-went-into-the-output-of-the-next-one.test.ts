import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { KafkaFaultRig } from '../support/kafka-fault-rig.ts';
import { kafkaService } from '../support/services/kafka.ts';
import { needs } from '../support/services/needs.ts';

// A finished job is announced no more, so the next one of its name (kafka.job) took the topics that it had kept for its own.
needs('kafka')('a job over Kafka with the name of one that kept its topics', () => {
  test('is refused, and has its own rows when it begins anew', async () => {
    await using rig = await KafkaFaultRig.start({ broker: await kafkaService(), rows: 100 });
    const name = `nightly-${process.pid}`;
    const kafka = { ...rig.cluster(name), keepTopics: true };
    expect(await rig.run(name, { kafka }).ended).toMatchObject({ code: 0 });
    const file = join(rig.folder, 'tuesday.csv');
    writeFileSync(file, 'id,text,x\n1,a,1\n');
    const path = join(rig.folder, 'tuesday.scored.csv');
    const tuesday = { intakeSettings: { file }, outputSettings: { path }, kafka };
    const { code, stderr } = await rig.run(name, tuesday).ended;
    expect(stderr).toMatch(/LEDGER_OTHER_JOB/);
    expect(code).toBe(1);
    expect(existsSync(path)).toBe(false);
    expect(await rig.run(name, tuesday, { arguments: ['--overwrite'] }).ended).toMatchObject({ code: 0 });
    expect(readFileSync(path, 'utf8')).toBe('y_PREDICTION,id,text\n2,1,a\n');
  }, 120_000);
});
