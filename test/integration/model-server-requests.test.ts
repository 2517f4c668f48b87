import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ModelServer } from '../../src/model-server/index.ts';
import { goldenFile, MODELS } from '../unit/model-server/golden-file.ts';
import { API, AS_CSV, cells, flights, GOOD, type Post, startServer } from './model-server-client.ts';

let server: ModelServer;
let post: Post;

beforeAll(async () => {
  ({ server, post } = await startServer());
});

afterAll(async () => {
  await server.close();
});

describe('parameters', () => {
  test('predictionThreshold moves the label and is repeated in the reply', async () => {
    const high = await post('flights-late', flights(GOOD), '?predictionThreshold=0.9');
    expect(high.data[0]).toMatchObject({ prediction: 'on_time', predictionThreshold: 0.9 });
    const exact = high.data[0]!.predictionValues[0]!.value;
    expect(
      cells((await post('flights-late', flights(GOOD), '?predictionThreshold=0', AS_CSV)).text)[1]!.slice(2),
    ).toEqual(['late', '0', 'late']);
    expect(exact).toBeLessThan(0.9);
  });

  test('predictionWarningEnabled marks predictions outside the boundaries of a regression', async () => {
    const rows = goldenFile('flights')
      .csv.split('\n')
      .slice(1, 5001)
      .map((line) => `${line},x`);
    const { data } = await post('flights', flights(...rows), '?predictionWarningEnabled=true');
    const { low, high } = JSON.parse(readFileSync(`${MODELS}/flights.deployment.json`, 'utf8')).predictionBoundaries;
    const outliers = data.filter((row) => row.isOutlierPrediction);
    expect(outliers.length).toBeGreaterThan(0);
    for (const row of data) {
      const value = row.prediction;
      expect(row.isOutlierPrediction).toBe(value < low || value > high);
    }
    const text = await post('flights', flights(...rows), '?predictionWarningEnabled=True', AS_CSV);
    expect(cells(text.text).filter((line) => line[1] === 'True')).toHaveLength(outliers.length);
  });

  const wrong: readonly (readonly [string, RegExp])[] = [
    ['?maxExplanations=-1', /maxExplanations/],
    ['?maxExplanations=101', /maxExplanations/],
    ['?thresholdHigh=x', /thresholdHigh is not a number/],
    ['?predictionThreshold=1.5', /predictionThreshold is not between/],
    ['?predictionWarningEnabled=maybe', /predictionWarningEnabled/],
    ['?passthroughColumnsSet=some', /passthroughColumnsSet/],
    ['?passthroughColumnsSet=all&passthroughColumns=id', /exclude each other/],
    ['?passthroughColumns=nope', /"nope" is not in the request/],
    ['?thresholdLow=1&thresholdLow=2', /thresholdLow is given 2 times/],
  ];
  for (const [query, message] of wrong) {
    test(`${query} is refused with 422`, async () => {
      const { status, body, headers } = await post('flights', flights(GOOD), query);
      expect(status).toBe(422);
      expect(body['message']).toMatch(message);
      expect(headers.get('content-type')).toBe('application/json');
    });
  }

  test('very many passthrough columns take time in proportion', async () => {
    const names = Array.from({ length: 100_000 }, (_, i) => `c${i}`).join(',');
    const body = flights(GOOD)
      .trimEnd()
      .split('\n')
      .map((line) => `${line},${names}`)
      .join('\n');
    const begun = performance.now();
    const { status, text } = await post('flights', body, '?passthroughColumnsSet=all', AS_CSV);
    // With the square of them it is fifteen seconds.
    expect(performance.now() - begun).toBeLessThan(4_000);
    expect(status).toBe(200);
    expect(text.endsWith(`,${names}\n`)).toBe(true);
  });

  test('a passthrough column with the name of a reply column is refused', async () => {
    const body = `date,distance,origin,destination,delay_PREDICTION\n${GOOD}\n`;
    const { status, body: reply } = await post('flights', body, '?passthroughColumnsSet=all');
    expect([status, reply['message']]).toEqual([422, expect.stringContaining('"delay_PREDICTION"')]);
  });
});

describe('bodies', () => {
  test('gzip and other charsets are unpacked and decoded', async () => {
    const expected = (await post('flights', flights('2001-01-01,7,LAS,LAX,naïve'), '?passthroughColumns=id')).data;
    const zipped = gzipSync(flights('2001-01-01,7,LAS,LAX,naïve'));
    expect(
      (await post('flights', new Uint8Array(zipped), '?passthroughColumns=id', { 'content-encoding': 'gzip' })).data,
    ).toEqual(expected);
    const latin = new Uint8Array(Buffer.from(flights('2001-01-01,7,LAS,LAX,naïve'), 'latin1'));
    for (const charset of ['latin1', 'latin_1', 'ISO-8859-1']) {
      const type = { 'content-type': `text/plain; charset="${charset}"` };
      expect((await post('flights', latin, '?passthroughColumns=id', type)).data).toEqual(expected);
    }
    expect((await post('flights', latin)).body['message']).toMatch(/not UTF-8/);
    expect((await post('flights', latin, '', { 'content-type': 'text/csv; charset=klingon' })).body['message']).toMatch(
      /klingon/,
    );
  });

  test('malformed rows are refused with 422 and the number of the row', async () => {
    const ragged = await post('flights', flights(...Array.from({ length: 17 }, () => GOOD), 'x,y'));
    expect([ragged.status, ragged.body]).toEqual([422, { message: 'row 17: it has 2 fields, the header 5.', row: 17 }]);
    const unclosed = await post('flights', flights(GOOD, '"2001-01-01,7'));
    expect([unclosed.status, unclosed.body['row']]).toEqual([422, 1]);
    const json = { 'content-type': 'application/json' };
    expect(
      (await post('flights', '[{"date":null,"distance":1,"origin":"LAS","destination":"LAX"},7]', '', json)).body[
        'row'
      ],
    ).toBe(1);
    for (const body of ['{', '{}', '[]', 'null'])
      expect((await post('flights', body, '', json)).status, body).toBe(422);
  });

  test('a missing column is refused by name and without a row', async () => {
    const { status, body } = await post('flights', 'date,distance\n2001-01-01,1\n');
    expect(status).toBe(422);
    expect(body).toEqual({ message: 'The columns "origin", "destination" of the model\'s features are missing.' });
  });

  test('a body over the limit is refused with 413, packed or not, and the next request is served', async () => {
    const large = flights(...Array.from({ length: 60_000 }, () => GOOD));
    const zipped = new Uint8Array(gzipSync(large));
    expect(zipped.length).toBeLessThan(100_000);
    expect((await post('flights', large)).status).toBe(413);
    expect((await post('flights', zipped, '', { 'content-encoding': 'gzip' })).status).toBe(413);
    expect((await post('flights', flights(GOOD))).status).toBe(200);
  });

  test('other content types and encodings are refused with 415, unacceptable replies with 406', async () => {
    expect((await post('flights', flights(GOOD), '', { 'content-type': 'application/xml' })).status).toBe(415);
    expect((await post('flights', flights(GOOD), '', { 'content-encoding': 'br' })).status).toBe(415);
    expect((await post('flights', flights(GOOD), '', { accept: 'text/html' })).status).toBe(406);
    expect((await post('flights', 'x', '', { 'content-encoding': 'gzip' })).status).toBe(422);
  });
});

async function get(path: string): Promise<readonly [number, unknown]> {
  const reply = await fetch(`${server.url}${path}`, { redirect: 'error' });
  expect(reply.headers.get('content-type')).toBe('application/json');
  return [reply.status, await reply.json()];
}

describe('routes', () => {
  test('ping, list and info answer with and without a slash at the end', async () => {
    expect(await get(`${API}/ping`)).toEqual([200, { response: 'pong' }]);
    expect(await get(`${API}/ping/`)).toEqual([200, { response: 'pong' }]);
    const infos = server.deployments();
    expect(await get(`${API}/deployments/`)).toEqual([200, { data: infos }]);
    for (const info of infos) {
      expect(await get(`${API}/deployments/${info.deploymentId}/info`)).toEqual([200, info]);
      expect(info.model).toEqual({ id: expect.stringMatching(/^[0-9a-f]{24}$/), addressable: true });
    }
    expect(infos.find(({ deploymentId }) => deploymentId === 'flights-late')).toMatchObject({
      target: { name: 'late', kind: 'binary', classes: ['late', 'on_time'] },
      threshold: 0.3,
    });
  });

  test('unknown deployments and addresses are 404, in JSON', async () => {
    expect(await get(`${API}/deployments/nope/info`)).toEqual([
      404,
      { message: expect.stringContaining('there are flights-late, flights') },
    ]);
    expect((await post('nope', flights(GOOD))).status).toBe(404);
    expect((await get('/'))[0]).toBe(404);
  });

  test('replies carry the model, a request id of their own and the time', async () => {
    const [one, two] = [await post('flights', flights(GOOD)), await post('flights', flights(GOOD))];
    const id = server.deployments().find(({ deploymentId }) => deploymentId === 'flights')!.model.id;
    expect(one.headers.get('x-datarobot-model-id')).toBe(id);
    expect(one.headers.get('x-datarobot-request-id')).not.toBe(two.headers.get('x-datarobot-request-id'));
    expect(Number(one.headers.get('x-datarobot-execution-time'))).toBeGreaterThan(0);
  });
});
