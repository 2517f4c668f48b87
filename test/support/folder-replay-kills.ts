import { fork } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { type JobInput, runJob } from '../../src/index.ts';
import { endOfRun } from './end-of-run.ts';
import { killedAtChange } from './killed-at-change.ts';
import { ReplayScene } from './replay-scene.ts';
import {
  dataIn,
  type FoundFolder,
  filesIn,
  manifestOf,
  objectsIn,
  readByManifest,
  readByMark,
} from './replayed-folders.ts';
import { lettersOf, replay, writeJob } from './replays.ts';
import { needs } from './services/needs.ts';
import { type S3Bucket, s3Bucket } from './services/s3.ts';

const CHILD = join(import.meta.dirname, 'killed-replay-child.ts');
const ROWS = 42;
const DIVIDED = { format: 'parquet' as const, partitionColumns: ['y_PREDICTION'] };

type Rows = Awaited<ReturnType<typeof readByManifest>>;

/** A folder that is replayed again and again, from the same beginning. */
interface KilledFolder {
  readonly job: JobInput;
  found(): Promise<FoundFolder>;
  /** Puts it back to how the run has left it. */
  restore(): Promise<void>;
  killed(operation: number): Promise<'killed' | 'finished'>;
}

/**
 * Registers replays of folders that are divided by the prediction, killed with kill -9 at every `every`-th operation that changes something: of the
 * rows without a prediction most go to other partitions, in files of their own, and the rest stays in a file that is put anew.
 */
export async function folderReplayKills(every: number): Promise<void> {
  const scene = await ReplayScene.open(ROWS);
  const { folder, server } = scene;
  const predict = ([, , grade]: readonly string[]): string => grade!;
  const staysBad = (id: number): boolean => id % 14 === 3;
  const jobTo = (outputSettings: JobInput['outputSettings']): JobInput =>
    scene.job(outputSettings, { includePredictionStatus: true });

  const score = async (job: JobInput): Promise<void> => {
    server.options = { predict, rejectAs: 'row', reject: ([, text]) => (text === 'bad' ? 'bad' : null) };
    await runJob(job, { overwrite: true }).result;
    server.options = {
      ...server.options,
      reject: ([id, text]) => (text === 'bad' && staysBad(Number(id)) ? 'bad still' : null),
    };
  };

  const inFiles = async (): Promise<KilledFolder> => {
    const path = join(folder, 'scored/');
    const job = jobTo({ path, ...DIVIDED });
    await score(job);
    cpSync(path, join(folder, 'kept'), { recursive: true });
    const file = writeJob(join(folder, 'files.json'), job);
    return {
      job,
      found: async () => filesIn(path),
      async restore() {
        rmSync(path, { recursive: true });
        cpSync(join(folder, 'kept'), path, { recursive: true });
      },
      killed: (operation) => endOfRun(fork(CHILD, [file, 'files', String(operation)], { stdio: 'inherit' })),
    };
  };

  const inS3 = async (): Promise<KilledFolder> => {
    const place: S3Bucket = await s3Bucket();
    const { client, bucket, accessKeyId: awsAccessKeyId, secretAccessKey: awsSecretAccessKey } = place;
    const at = (endpointUrl: string): JobInput =>
      jobTo({
        type: 's3',
        url: `s3://${bucket}/scored/`,
        endpointUrl,
        credentials: { awsAccessKeyId, awsSecretAccessKey },
        ...DIVIDED,
      });
    const job = at(place.endpointUrl);
    await score(job);
    const kept = await objectsIn(place, 'scored/');
    return {
      job,
      found: () => objectsIn(place, 'scored/'),
      async restore() {
        for (const name of (await objectsIn(place, 'scored/')).keys())
          await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: `scored/${name}` }));
        for (const [name, Body] of kept)
          await client.send(new PutObjectCommand({ Bucket: bucket, Key: `scored/${name}`, Body }));
      },
      killed: (operation) =>
        killedAtChange(
          place.endpointUrl,
          (endpointUrl) => fork(CHILD, [writeJob(join(folder, 's3.json'), at(endpointUrl))], { stdio: 'inherit' }),
          operation,
        ),
    };
  };

  /** Takes it from one kill to the next: what any reader sees, and what the next replay makes of it. */
  const tryAll = async (place: KilledFolder, step: number): Promise<void> => {
    const { job } = place;
    const before = await readByManifest(await place.found());
    await replay(job);
    const after = await readByManifest(await place.found());
    expect(after).not.toEqual(before);
    const text = (rows: Rows): string => JSON.stringify(rows);
    const ids = Object.values(after).flatMap((rows) =>
      rows.map((row) => Number((JSON.parse(row) as { id: string }).id)),
    );
    expect(ids.toSorted((a, b) => a - b)).toEqual(Array.from({ length: ROWS }, (_, id) => id));
    const seen = { before: 0, after: 0, waits: 0 };
    for (let operation = 0; ; operation += step) {
      await place.restore();
      const how = await place.killed(operation);
      const left = await place.found();
      const byManifest = await readByManifest(left);
      expect([text(before), text(after)]).toContain(text(byManifest));
      const byMark = await readByMark(left);
      if (byMark !== null) expect(byMark).toEqual(byManifest);
      seen[byMark === null ? 'waits' : text(byManifest) === text(before) ? 'before' : 'after'] += 1;
      await replay(job);
      const found = await place.found();
      expect(await readByManifest(found)).toEqual(after);
      expect(await readByMark(found)).toEqual(after);
      const { objects, tally } = manifestOf(found);
      expect([...found.keys()].toSorted()).toEqual(
        ['_SUCCESS', '_SUCCESS.manifest.json', ...objects.map(({ name }) => name)].toSorted(),
      );
      expect(
        objects
          .filter(({ role }) => role === 'rows')
          .map(({ name }) => name)
          .toSorted(),
      ).toEqual(dataIn(found));
      const bad = scene.bad.filter(staysBad);
      expect(tally).toMatchObject({ read: ROWS, failed: bad.length });
      expect((await lettersOf(job)).map(({ row }) => row)).toEqual(bad);
      if (how === 'finished') break;
    }
    console.log(`replays of a folder: ${JSON.stringify(seen)} when they were killed`);
    for (const times of Object.values(seen)) expect(times).toBeGreaterThan(0);
  };

  describe('a replay of a folder that is killed with kill -9 is done or undone, and the next one completes it', () => {
    test('in files', { timeout: 1_800_000 }, async () => tryAll(await inFiles(), every));
    needs('s3')('in S3', () => {
      test('in S3', { timeout: 1_800_000 }, async () =>
        // A request is many changes of files.
        tryAll(await inS3(), Math.ceil(every / 2)),
      );
    });
  });
}
