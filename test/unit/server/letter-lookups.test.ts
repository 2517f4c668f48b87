import { expect, test, vi } from 'vitest';
import type { Caller } from '../../../src/jobs/queue/caller.ts';
import { LetterLookups } from '../../../src/server/live/letter-lookups.ts';
import { startApi } from '../../support/api-server.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { PredictionServer } from '../../support/prediction-server.ts';

test('dead letters are read once for all who look, and again when they have changed', async () => {
  await using server = await PredictionServer.start({ reject: ([id]) => (id === '3' ? 'bad' : null), rejectAs: 'row' });
  await using api = await startApi({ deployments: { d: server.url } });
  const { id, createdBy } = await api.create({ deploymentId: 'd' });
  const rows = Array.from({ length: 20 }, (_, i) => `${i}\n`).join('');
  await api.upload(id, `id\n${rows}`);
  await api.ended(id);
  const caller: Caller = { user: createdBy as Caller['user'], role: 'run' };
  const { service } = api.server;
  const lookups = new LetterLookups(service, new ManualClock());
  const [first, second] = await Promise.all([lookups.of(id, caller), lookups.of(id, caller)]);
  expect(first).toMatchObject({ letters: 1, causes: [{ cause: 'bad' }] });
  expect(second).toBe(first);
  expect(await lookups.of(id, caller)).toBe(first);
  await service.store.update(id, ({ tally }) => ({ tally: { ...tally, failed: 2 } }));
  expect(await lookups.of(id, caller)).not.toBe(first);
  const stranger: Caller = { user: { ...caller.user, userId: 'another' }, role: 'run' };
  await expect(lookups.of(id, stranger)).rejects.toThrow(/no such job/);
});

test('a job that runs is looked at again after a while, not with each row that fails', async () => {
  const gate = Promise.withResolvers<void>();
  await using server = await PredictionServer.start({ respond: () => ({ after: gate.promise }) });
  await using api = await startApi({ deployments: { d: server.url } });
  const { id, createdBy } = await api.create({ deploymentId: 'd' });
  await api.upload(id, 'id\n1\n');
  await api.until(id, ({ status }) => status === 'RUNNING');
  const caller: Caller = { user: createdBy as Caller['user'], role: 'run' };
  const clock = new ManualClock();
  const lookups = new LetterLookups(api.server.service, clock);
  const fail = (failed: number): Promise<unknown> =>
    api.server.service.store.update(id, ({ tally }) => ({ tally: { ...tally, failed } }));
  const looked = vi.spyOn(api.server.service, 'letters');
  await lookups.of(id, caller);
  await fail(1);
  clock.advance(4_999);
  await lookups.of(id, caller);
  expect(looked).toHaveBeenCalledTimes(1);
  clock.advance(1);
  await lookups.of(id, caller);
  await lookups.of(id, caller);
  expect(looked).toHaveBeenCalledTimes(2);
  gate.resolve();
  await api.ended(id);
});
