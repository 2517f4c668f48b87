import { expect, test } from 'vitest';
import { createScorer } from '../../src/scoring/scorer-stack.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { faultOf, never, numbered } from '../unit/scoring/rows.ts';

// A request that cannot be sent (secrets that are made with `echo` end in a line end) was tried again as if the server had broken the connection. After
// as many tries as there were connections the next one was never answered: the job stood still and said nothing.
test.each([
  ['token', { token: 'geheim-token\n' }],
  ['dataRobotKey', { datarobotKey: 'geheim-key\r\n' }],
  ['value of a header', { headers: { 'x-key': 'geheim\nkey' } }],
  ['header of the connection', { headers: { 'transfer-encoding': 'chunked' } }],
  ['header that is not supported', { headers: { expect: '100-continue' } }],
  ['length that is not that of the rows', { headers: { 'content-length': '3' } }],
])('a %s that cannot be sent ends the job at once', async (_, given) => {
  await using server = await PredictionServer.start();
  const { scorer } = createScorer(
    { id: 'flights', server: server.url, ...given },
    { numConcurrent: 1 },
    { clock: new ManualClock() },
  );
  await using open = scorer;
  const fault = await faultOf(open.score(numbered(2), never));
  expect(fault).toMatchObject({ code: 'CONFIG_INVALID' });
  expect(fault.message).toContain('deployment.token');
  expect(fault.message).not.toContain('geheim');
  expect(server.requests).toEqual([]);
});
