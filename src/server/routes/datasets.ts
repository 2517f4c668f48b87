import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type * as z from 'zod';
import type { RegisteredVersion } from '../../../connectors/catalog/catalog-index.ts';
import { SluiceError } from '../../core/error.ts';
import type { DatasetCsv, DatasetRegistry } from '../../jobs/catalog/dataset-registry.ts';
import { type ApiCall, type ApiRoute, apiRoute } from '../api-route.ts';
import { byteRange } from '../byte-range.ts';
import { sendJson } from '../json-reply.ts';
import { datasetQuery } from '../schemas/dataset-query.ts';
import { datasetView } from '../views/dataset-view.ts';
import { pageView } from '../views/page-view.ts';

const found = { 200: 'The dataset.', 404: 'There is no such dataset.' };
const file = {
  200: 'The rows, as text/csv.',
  206: 'Those that Range asks for.',
  404: 'There is no such dataset.',
  416: 'Range begins behind the last byte.',
};

/** `/datasets/`: Sluice's own registry, as a catalog that other servers and DataRobot's clients read. */
export function datasetRoutes(registry: DatasetRegistry): readonly ApiRoute[] {
  const sendFile = async (call: ApiCall<'id'>, versionId: string | null): Promise<FastifyReply> => {
    const version = await registry.version(call.params.id, versionId, call.caller);
    return sendCsv(call, registry.csv(version), `${version.datasetId}-${version.number}.csv`);
  };
  const sendVersion = async (call: ApiCall<'id'>, versionId: string | null): Promise<FastifyReply> =>
    sendJson(call.reply, datasetView(await registry.version(call.params.id, versionId, call.caller)));
  return [
    apiRoute({
      method: 'GET',
      path: '/datasets/',
      summary: 'The latest version of each dataset, page by page.',
      query: datasetQuery,
      replies: { 200: 'A page of datasets.' },
      handle: async (call) => sendJson(call.reply, page(call, await registry.list(call.caller))),
    }),
    apiRoute({
      method: 'GET',
      path: '/datasets/:id/',
      summary: 'The latest version of a dataset.',
      replies: found,
      handle: (call) => sendVersion(call, null),
    }),
    apiRoute({
      method: 'GET',
      path: '/datasets/:id/file/',
      summary: 'Its rows.',
      replies: file,
      handle: (call) => sendFile(call, null),
    }),
    apiRoute({
      method: 'GET',
      path: '/datasets/:id/versions/',
      summary: 'The versions of a dataset, page by page.',
      query: datasetQuery,
      replies: { 200: 'A page of versions.', 404: 'There is no such dataset.' },
      handle: async (call) => sendJson(call.reply, page(call, await registry.versions(call.params.id, call.caller))),
    }),
    apiRoute({
      method: 'GET',
      path: '/datasets/:id/versions/:versionId/',
      summary: 'A version of a dataset.',
      replies: found,
      handle: (call) => sendVersion(call, call.params.versionId),
    }),
    apiRoute({
      method: 'GET',
      path: '/datasets/:id/versions/:versionId/file/',
      summary: 'Its rows.',
      replies: file,
      handle: (call) => sendFile(call, call.params.versionId),
    }),
  ];
}

function page(call: ApiCall<never, z.output<typeof datasetQuery>>, versions: readonly RegisteredVersion[]): object {
  const { offset, limit, orderBy } = call.query;
  const sign = orderBy === 'created' ? 1 : -1;
  const sorted = versions.toSorted(
    (a, b) => sign * (Date.parse(a.created) - Date.parse(b.created) || a.number - b.number),
  );
  const shown = sorted.slice(offset, offset + limit).map(datasetView);
  return pageView(call, { offset, limit, total: sorted.length }, shown);
}

/** All of it, or what Range asks for, of the state that If-Range names. */
function sendCsv({ request, reply }: ApiCall, csv: DatasetCsv, name: string): FastifyReply {
  const { bytes } = csv;
  const etag = `"${csv.tag}"`;
  reply.header('etag', etag).header('content-disposition', `attachment;filename=${name}`);
  // What stands between must not pack it: a part of it is asked for by its bytes.
  reply.header('cache-control', 'no-transform').type('text/csv; charset=utf-8');
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort(new Error('the client has gone')));
  if (bytes === null) return reply.send(Readable.from(csv.read(0, gone.signal), { objectMode: false }));
  reply.header('accept-ranges', 'bytes');
  const condition = request.headers['if-range'];
  const range = condition === undefined || condition === etag ? byteRange(request.headers.range, bytes) : null;
  if (range === 'none') {
    reply.header('content-range', `bytes */${bytes}`);
    throw new SluiceError('REQUEST_INVALID', `The dataset has ${bytes} bytes.`, { status: 416 });
  }
  const { from, to } = range ?? { from: 0, to: bytes };
  if (range !== null) reply.code(206).header('content-range', `bytes ${from}-${to - 1}/${bytes}`);
  reply.header('content-length', to - from);
  return reply.send(Readable.from(upTo(csv.read(from, gone.signal), to - from), { objectMode: false }));
}

async function* upTo(chunks: AsyncIterable<Buffer>, bytes: number): AsyncGenerator<Buffer> {
  let left = bytes;
  if (left === 0) return;
  for await (const chunk of chunks) {
    yield chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) return;
  }
}
