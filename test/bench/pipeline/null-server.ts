import { createServer } from 'node:http';

/**
 * A prediction server that does as little as one can while still answering every row: it counts the records of the body and
 * sends back as many constant predictions, with the row ids where they were asked for. Prints its port.
 * Its argument: milliseconds that it takes for each request, 0 by default.
 */
const serviceMs = Number(process.argv[2] ?? 0);
const MOST_ROWS = 200_000;

interface Table {
  readonly bytes: Buffer;
  readonly ends: Uint32Array;
}

function table(header: string, line: (row: number) => string): Table {
  const parts = [Buffer.from(header)];
  const ends = new Uint32Array(MOST_ROWS + 1);
  ends[0] = header.length;
  for (let row = 0; row < MOST_ROWS; row += 1) {
    const text = Buffer.from(line(row));
    parts.push(text);
    ends[row + 1] = ends[row]! + text.length;
  }
  return { bytes: Buffer.concat(parts), ends };
}

const WITNESS = '__sluice_row__';
const plain = table('y_PREDICTION\n', (row) => `${(row % 1000) / 1000}\n`);
const witnessed = table(`y_PREDICTION,${WITNESS}\n`, (row) => `${(row % 1000) / 1000},${row}\n`);
const json = table(
  '{"data":[',
  (row) =>
    `${row === 0 ? '' : ','}{"prediction":${(row % 1000) / 1000},"predictionValues":[{"value":${(row % 1000) / 1000},"label":"y"}],"rowId":${row}}`,
);

function records(chunks: readonly Buffer[]): number {
  let lines = 0;
  for (const chunk of chunks) {
    for (let i = 0; i < chunk.length; i += 1) if (chunk[i] === 10) lines += 1;
  }
  return lines - 1;
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    if (request.method === 'GET') {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"message":"not here"}');
      return;
    }
    const rows = records(chunks);
    const wantsJson = request.headers.accept?.includes('json') === true;
    const reply = wantsJson ? json : request.url?.includes(WITNESS) === true ? witnessed : plain;
    const body = reply.bytes.subarray(0, reply.ends[rows]);
    const tail = wantsJson ? ']}' : '';
    response.writeHead(200, {
      'content-type': wantsJson ? 'application/json' : 'text/csv',
      'content-length': body.length + tail.length,
    });
    const answer = (): void => {
      response.write(body);
      response.end(tail);
    };
    if (serviceMs === 0) answer();
    else setTimeout(answer, serviceMs);
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  console.log(typeof address === 'object' && address !== null ? address.port : '');
});
process.on('disconnect', () => process.exit(0));
