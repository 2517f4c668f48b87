import { afterAll, beforeAll, expect, test } from 'vitest';
import { Replicas } from '../support/replicas.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

let replicas: Replicas;
beforeAll(async () => {
  replicas = await Replicas.start();
});
afterAll(() => replicas[Symbol.asyncDispose]());

test('a server that goes without a word while it decides about the queue leaves it to the others', async () => {
  await using proxy = await TcpProxy.start(replicas.database);
  await using first = await replicas.replica(proxy);
  const job = await first.create({ deploymentId: 'd' });
  let isDeciding = false;
  // The database has locked the queue for it, and never hears of it again.
  proxy.look = (sent) => {
    if (isDeciding) return 'swallow';
    isDeciding = sent.includes('UPDATE sluice_queue');
    return 'forward';
  };
  try {
    await using second = await replicas.replica(replicas.database);
    void first.upload(job.id, 'id,x\n1,a\n').catch(() => undefined);
    await until(() => isDeciding, 'the first server to decide about the queue');
    expect(await second.job(job.id)).toMatchObject({ status: 'INITIALIZING' });
    expect((await second.ended(job.id)).status).toBe('COMPLETED');
    expect(await second.result(job.id)).toBe('y_PREDICTION\n2\n');
  } finally {
    proxy.look = () => 'forward';
    proxy.breakAll();
  }
});
