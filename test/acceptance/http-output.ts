import { fork } from 'node:child_process';
import { mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFileStore } from '../../connectors/file/file-store.ts';
import type { HttpSettings } from '../../connectors/http/http-settings.ts';
import { createHttpStore } from '../../connectors/http/http-store.ts';
import { createWriter } from '../../src/codecs/formats.ts';
import { createObjectSink } from '../../src/codecs/objects/object-sink.ts';
import type { Sink } from '../../src/core/sink.ts';
import {
  type DyingMoment,
  type DyingSinkPlace,
  type OpenSinkPlace,
  type PublishedOutput,
  type SinkDriver,
  SinkPlan,
  type SinkPlanSize,
} from '../../src/testing.ts';
import { endings, killEvery } from '../support/effort.ts';
import { endOfRun } from '../support/end-of-run.ts';
import { HurriedClock } from '../support/hurried-clock.ts';
import { WebServer } from '../support/web-server.ts';
import { csvRows, lettersIn } from './published-text.ts';

const CHILD = join(import.meta.dirname, 'killed-sink-child.ts');

/**
 * The sink of an output that is put to an address. It promises `at-least-once`, as a POST may arrive twice; a server that keeps what is put under
 * its address, and looks at conditions, sees it exactly once, and that is what the kit tries.
 */
export function httpSink(url: string, spool: string, overwrite: boolean, settings: Partial<HttpSettings> = {}): Sink {
  return createObjectSink({
    store: createHttpStore({
      settings,
      upload: {
        method: 'PUT',
        contentType: 'text/csv',
        chunked: false,
        spool: { store: createFileStore(), path: spool },
      },
      clock: new HurriedClock(),
    }),
    key: url,
    writer: createWriter('csv', {}, 'none'),
    overwrite,
  });
}

const KILLED: SinkPlanSize = { batches: 4, rowsPerBatch: 20, padding: 0 };

/** Outputs that the whole kit can be tried with. */
interface WebOutputs extends Omit<SinkDriver, 'place'> {
  place(): Promise<DyingSinkPlace & OpenSinkPlace>;
}

/** Outputs of a server of their own, kept in a folder of their own until they are sent. */
export function webOutputs(): WebOutputs {
  return {
    plan: new SinkPlan({ batches: 9, rowsPerBatch: 30, padding: 10 }),
    // Each run is a process of its own; the files of the spool are tried at every operation by the kit of the file store.
    killed: { plan: new SinkPlan(KILLED), every: killEvery(5) },
    endings,
    place: webPlace,
  };
}

async function webPlace(): Promise<DyingSinkPlace & OpenSinkPlace> {
  const server = await WebServer.start();
  const folder = await mkdtemp(join(tmpdir(), 'sluice-spool-'));
  const spool = join(folder, 'scored.csv');
  const url = `http://user:the-password@${server.host}/out/scored.csv?signature=the-signature`;
  const kept = new Set(['scored.csv.manifest.json', 'scored.csv.dead.jsonl', 'scored.csv.upload.json']);
  return {
    sink: ({ overwrite }) => httpSink(url, spool, overwrite),
    published: async () => {
      const body = server.bodies.get('/out/scored.csv');
      return body === undefined ? null : await readOutput(body.bytes, spool);
    },
    leftovers: async () => {
      const names = await readdir(folder);
      const isThere = server.bodies.has('/out/scored.csv');
      return names.filter((name) => !kept.has(name) || !isThere);
    },
    spoil: async () => {
      await using file = await open(`${spool}.partial`, 'r+');
      const byte = Buffer.alloc(1);
      await file.read(byte, 0, 1, 100);
      await file.write(
        byte.map((value) => value ^ 1),
        0,
        1,
        100,
      );
    },
    killedRun: (size, operation) => killedRun(url, spool, size, operation),
    diedRun: async (moment) => {
      if ((await killedRun(url, spool, KILLED, moment)) !== 'killed') throw new Error('the run did not die');
    },
    secrets: ['the-password', 'the-signature', Buffer.from('user:the-password').toString('base64')],
    contents: async () => {
      const names = await readdir(folder);
      const files = names.map(async (name) => `${name}\n${await readFile(join(folder, name), 'utf8')}`);
      return [...(await Promise.all(files)), ...[...server.bodies.values()].map(({ bytes }) => bytes.toString())];
    },
    close: async () => {
      await server.close();
      await rm(folder, { recursive: true });
    },
  };
}

async function killedRun(
  url: string,
  spool: string,
  size: SinkPlanSize,
  operation: number | DyingMoment,
): Promise<'killed' | 'finished'> {
  return await endOfRun(fork(CHILD, [url, JSON.stringify(size), String(operation), spool], { stdio: 'inherit' }));
}

async function readOutput(bytes: Buffer, spool: string): Promise<PublishedOutput> {
  // Without its manifest an output is not finished, and the read fails as it should.
  const manifest = JSON.parse(await readFile(`${spool}.manifest.json`, 'utf8')) as PublishedOutput['manifest'];
  const letters = await readFile(`${spool}.dead.jsonl`, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return { ...csvRows(bytes), deadLetters: lettersIn(letters), manifest };
}
