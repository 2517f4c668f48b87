import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { createFileStore } from '../../connectors/file/file-store.ts';
import { main } from '../../src/cli/main.ts';
import { readOutput } from '../../src/codecs/objects/output-rows.ts';
import { readManifest } from '../../src/codecs/objects/read-manifest.ts';
import { findSluiceError } from '../../src/core/error.ts';
import type { JobInput } from '../../src/index.ts';
import { letterKey } from '../../src/jobs/dead-letters/replay-options.ts';
import { runJob } from '../../src/jobs/run-job.ts';
import { verifyNamedOutput } from '../../src/jobs/verify-named-output.ts';
import { sluice, startSluice } from '../support/command-line.ts';
import { ReplayScene } from '../support/replay-scene.ts';
import { isBad, lettersOf, refusesBad, replay, rowsWithBadOnes, writeJob } from '../support/replays.ts';

const never = new AbortController().signal;
const ROWS = 210;
const scene = await ReplayScene.open(ROWS);
const { folder, server, bad: BAD } = scene;
writeFileSync(join(folder, 'in-utf-16.csv'), Buffer.from(rowsWithBadOnes(ROWS).replaceAll(',', ';'), 'utf16le'));
beforeEach(() => {
  server.options = { ...refusesBad, modelId: 'm1' };
});

const jobTo = scene.jobTo.bind(scene);

/** The rows of an output as its own format has them, and its manifest without what differs from run to run. */
async function contentOf(path: string) {
  const store = createFileStore();
  const manifest = (await readManifest(store, `${path}.manifest.json`, never))!;
  const limits = { rows: 1_000, bytes: 1e9, lingerMs: Number.POSITIVE_INFINITY };
  const rows: string[] = [];
  for await (const batch of readOutput(store, path, manifest, limits, never))
    for (let row = 0; row < batch.rows; row += 1) rows.push(Buffer.from(batch.row(row)).toString());
  const { tally, columns, model, models } = manifest;
  return { rows, tally, columns, model, models };
}

/** What a run gives in which no row was ever bad. */
async function undisturbed(name: string, changes: Partial<JobInput> = {}): Promise<string> {
  const before = server.options;
  server.options = { modelId: 'm1' };
  const job = jobTo(name, changes);
  await runJob(job).result;
  server.options = before;
  return job.path;
}

interface Form {
  readonly name: string;
  readonly changes?: Partial<JobInput>;
  readonly intake?: string;
}

const forms: readonly Form[] = [
  { name: 'out.csv' },
  { name: 'out.csv.gz' },
  { name: 'out.jsonl' },
  { name: 'out.json' },
  { name: 'out.avro' },
  { name: 'out.parquet' },
  { name: 'out.csv', changes: { csvSettings: { delimiter: ';', encoding: 'utf-16le' } }, intake: 'in-utf-16.csv' },
  { name: 'out.csv', changes: { passthroughColumns: [], includePredictionStatus: false } },
];

describe('a replay of an output in files', () => {
  test.each(forms)(
    'completes $name to what a run gives that never had a bad row; once more changes nothing',
    async (form) => {
      const { name, intake = 'in.csv' } = form;
      const changes = { ...form.changes, intakeSettings: { file: join(folder, intake) } };
      const job = jobTo(name, changes);
      server.options = { ...server.options, rejectAs: 'row' };
      const { manifest } = await runJob(job).result;
      expect(manifest.tally.failed).toBe(BAD.length);
      expect((await lettersOf(job)).map(({ row, output }) => [row, output])).toEqual(BAD.map((id) => [id, id]));
      server.options = { modelId: 'm1' };
      const asked = server.requests.length;
      const [report] = await replay(job);
      expect(report).toMatchObject({ letters: BAD.length, scored: BAD.length, failed: 0, untried: 0 });
      // Only those rows were sent.
      expect(server.requests.slice(asked).reduce((sum, { rows }) => sum + rows.length, 0)).toBe(BAD.length);
      const whole = await undisturbed(name, changes);
      expect(await contentOf(job.path)).toEqual(await contentOf(whole));
      if (/(csv|jsonl?)$/.test(name)) expect(readFileSync(job.path)).toEqual(readFileSync(whole));
      if (name === 'out.csv.gz') expect(gunzipSync(readFileSync(job.path))).toEqual(gunzipSync(readFileSync(whole)));
      expect((await verifyNamedOutput(job.path)).problems).toEqual([]);
      const files = readdirSync(join(job.path, '..')).toSorted();
      expect(files).toEqual([name, `${name}.manifest.json`].toSorted());
      const bytes = files.map((file) => readFileSync(join(job.path, '..', file)));
      expect(await replay(job)).toMatchObject([{ letters: 0, scored: 0 }]);
      expect(files.map((file) => readFileSync(join(job.path, '..', file)))).toEqual(bytes);
    },
  );

  test('keeps what fails again as its dead letters, with the reason of now, and can be taken up again', async () => {
    const job = jobTo('out.csv', { csvSettings: { raggedRows: 'skip' } });
    const ragged = join(folder, 'ragged.csv');
    const lines = rowsWithBadOnes(ROWS).split('\n');
    writeFileSync(ragged, [...lines.slice(0, 5), 'too,many,fields,here', ...lines.slice(5)].join('\n'));
    const whole = { ...job, intakeSettings: { file: ragged } };
    await runJob(whole).result;
    server.options = {
      modelId: 'm1',
      reject: ([id, text]) => (text === 'bad' && Number(id) > 100 ? 'still bad' : null),
    };
    const late = BAD.filter((id) => id > 100);
    const [report] = await replay(whole);
    expect(report).toMatchObject({
      letters: BAD.length + 1,
      scored: BAD.length - late.length,
      failed: late.length,
      untried: 1,
    });
    const letters = await lettersOf(whole);
    expect(letters.filter(({ kind }) => kind === 'skipped')).toMatchObject([{ line: 6, row: null, output: null }]);
    const failed = letters.filter(({ kind }) => kind === 'failed');
    expect(failed.map(({ row }) => row)).toEqual(late);
    for (const { reason } of failed) expect(reason).toBe('HTTP 422: still bad');
    const { rows } = await contentOf(job.path);
    for (const id of BAD)
      expect(rows[id]).toBe(id > 100 ? `,HTTP 422: still bad,${id},bad\n` : `${2 * id},OK,${id},bad\n`);
    expect((await verifyNamedOutput(job.path)).problems).toEqual([]);
    // Nothing better: nothing is touched.
    const before = readFileSync(`${job.path}.manifest.json`, 'utf8');
    expect(await replay(whole)).toMatchObject([{ scored: 0, failed: late.length }]);
    expect(readFileSync(`${job.path}.manifest.json`, 'utf8')).toBe(before);
    server.options = { modelId: 'm1' };
    expect(await replay(whole)).toMatchObject([{ scored: late.length, untried: 1 }]);
    expect((await contentOf(job.path)).tally).toEqual({ read: ROWS + 1, scored: ROWS, failed: 0, skipped: 1 });
    expect(await lettersOf(whole)).toHaveLength(1);
  });

  test('takes rows that somebody has corrected, and refuses those that are no dead letters', async () => {
    const job = jobTo('out.csv');
    await runJob(job).result;
    const letters = await lettersOf(job);
    const mended = new Map(letters.map((letter) => [letterKey(letter), Buffer.from(`${letter.row},good,1`)]));
    const [report] = await replay(job, { mended });
    expect(report).toMatchObject({ scored: BAD.length, failed: 0 });
    const { rows } = await contentOf(job.path);
    for (const id of BAD) expect(rows[id]).toBe(`${2 * id},OK,${id},good\n`);
    const error = findSluiceError(await replay(job, { mended }).catch((thrown: unknown) => thrown));
    expect(error?.code).toBe('CONFIG_INVALID');
    expect(error?.message).toContain(`${BAD.length} of ${BAD.length} corrected rows are no dead letters`);
  });

  test('holds to the model of the output unless told otherwise; then the manifest counts the rows of both', async () => {
    const job = jobTo('out.csv', { includeModelVersion: true });
    await runJob(job).result;
    const before = readFileSync(job.path);
    server.options = { modelId: 'm2' };
    const error = findSluiceError(await replay(job).catch((thrown: unknown) => thrown));
    expect(error?.code).toBe('MODEL_CHANGED');
    expect(error?.message).toContain('--allow-model-change');
    expect(readFileSync(job.path)).toEqual(before);
    await replay(job, { anyModel: true });
    const { rows, models, model } = await contentOf(job.path);
    expect(model).toEqual({ id: 'm1' });
    expect(models).toEqual([
      { model: { id: 'm1' }, rows: ROWS - BAD.length },
      { model: { id: 'm2' }, rows: BAD.length },
    ]);
    for (const [id, row] of rows.entries()) expect(row.split(',')[2]).toBe(isBad(id) ? 'm2' : 'm1');
  });

  test('refuses another job, an output that is not finished, and one that a run is to replace', async () => {
    const job = jobTo('out.csv');
    await runJob(job).result;
    const codeOf = async (input: JobInput) =>
      findSluiceError(await replay(input).catch((thrown: unknown) => thrown))?.message;
    expect(await codeOf({ ...job, passthroughColumns: ['id'] })).toContain(
      'passthroughColumns: was ["id","text"], is ["id"]',
    );
    expect(await codeOf(jobTo('none.csv'))).toContain('Run the job first.');
    expect(await codeOf({ ...job, outputSettings: { path: '-' } })).toContain('does not give back what it has');
    const address = { type: 'http' as const, url: `${server.url}/scored` };
    expect(await codeOf({ ...job, outputSettings: address, deadLetters: { path: 'dead.jsonl' } })).toMatch(
      /behind an address does not give back .* nor the output be completed\. They are in dead\.jsonl/,
    );
    // A run that is to replace it has got somewhere: it is not thrown away.
    const from = server.requests.length + 2;
    server.options = {
      respond: ({ number }) => (number < from ? undefined : { edit: (records) => records.slice(1) }),
    };
    const replacing = runJob({ ...job, numConcurrent: 1 }, { overwrite: true, commits: { everyBytes: 1 } });
    await expect(replacing.result).rejects.toMatchObject({ code: 'REPLY_MISMATCH' });
    const ledger = readFileSync(`${job.path}.ledger.json`, 'utf8');
    expect(await codeOf(job)).toContain('is unfinished');
    expect(readFileSync(`${job.path}.ledger.json`, 'utf8')).toBe(ledger);
  });

  test('that is killed at any request has done nothing, and the next one does all of it', async () => {
    const job = jobTo('out.csv', { chunkRows: 20, numConcurrent: 2 });
    await runJob(job).result;
    const before = readFileSync(job.path);
    const letters = readFileSync(`${job.path}.dead.jsonl`);
    const file = writeJob(join(folder, 'killed.json'), job);
    for (const at of [0, 1]) {
      const from = server.requests.length;
      const killed = Promise.withResolvers<void>();
      server.options = {
        modelId: 'm1',
        // So many single rows are asked for that the kill comes in the middle of them.
        reject: (fields) => (fields[1] === 'bad' && Number(fields[0]) % 2 === 0 ? 'bad' : null),
        respond: ({ number }) => {
          if (number !== from + 10 * at) return undefined;
          child.process.kill('SIGKILL');
          return { after: killed.promise };
        },
      };
      const child = startSluice(['dlq', 'replay', file]);
      await child.ended;
      killed.resolve();
      expect(readFileSync(job.path)).toEqual(before);
      expect(readFileSync(`${job.path}.dead.jsonl`)).toEqual(letters);
    }
    server.options = { modelId: 'm1' };
    const { code, stdout } = await sluice(['dlq', 'replay', file]);
    expect(stdout).toBe(`${job.path}: ${BAD.length} dead letters; ${BAD.length} scored now, 0 failed again\n`);
    expect(code).toBe(0);
    expect(readFileSync(job.path)).toEqual(readFileSync(await undisturbed('out.csv', { chunkRows: 20 })));
    expect(readdirSync(join(job.path, '..')).toSorted()).toEqual(['out.csv', 'out.csv.manifest.json']);
  });

  test('that died while it was published is completed by the next one', async () => {
    const job = jobTo('out.csv');
    await runJob(job).result;
    server.options = { modelId: 'm1' };
    const twin = jobTo('out.csv');
    await runJob(twin).result;
    await replay(job);
    // What a kill leaves between the point of no return and the first rename.
    const [rows, manifest] = [
      readFileSync(job.path),
      JSON.parse(readFileSync(`${job.path}.manifest.json`, 'utf8')) as object,
    ];
    writeFileSync(`${twin.path}.partial`, rows);
    writeFileSync(`${twin.path}.dead.jsonl.partial`, '');
    writeFileSync(
      `${twin.path}.ledger.json`,
      JSON.stringify({
        version: 1,
        state: 'publishing',
        bytes: { rows: rows.length, deadLetters: 0 },
        deadLetters: 'out.csv.dead.jsonl',
        overwrite: true,
        note: null,
        manifest,
      }),
    );
    expect(await replay(twin)).toMatchObject([{ letters: 0 }]);
    expect(readFileSync(twin.path)).toEqual(rows);
    expect(readdirSync(join(twin.path, '..')).toSorted()).toEqual(['out.csv', 'out.csv.manifest.json']);
  });
});

/** What a command prints; it must end well. */
async function printed(...args: readonly string[]): Promise<string> {
  const written: string[] = [];
  const output = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  try {
    expect(await main(args)).toBe(0);
  } finally {
    output.mockRestore();
  }
  return written.join('');
}

describe('sluice dlq', () => {
  test('list groups causes and shows examples, show prints rows by their coordinates, both as JSON too', async () => {
    const job = jobTo('out.csv');
    server.options = {
      reject: ([id, text]) =>
        text === 'bad' ? (Number(id) < 40 ? `id ${id} is too small` : 'text must not be bad') : null,
    };
    await runJob(job).result;
    const file = writeJob(join(folder, 'list.json'), job);
    const small = BAD.filter((id) => id < 40).length;
    const list = await printed('dlq', 'list', file);
    expect(list).toContain(
      `${job.path}: ${BAD.length} dead letters\n${BAD.length - small} failed: HTTP #: text must not be bad\n`,
    );
    expect(list).toContain(
      `${small} failed: HTTP #: id # is too small\n    ${join(folder, 'in.csv')} row 3, line 5: 3,bad,3\n`,
    );
    const json = JSON.parse(await printed('dlq', 'list', file, '--json')) as {
      letters: number;
      causes: { cause: string; letters: number; examples: { row: number }[] }[];
    };
    expect(json.causes.map(({ letters }) => letters)).toEqual([BAD.length - small, small]);
    expect(json.causes[1]!.examples.map(({ row }) => row)).toEqual(BAD.slice(0, 3));
    const shown = await printed('dlq', 'show', file, '--row', '10');
    expect(shown).toContain('row 10, line 12: failed, ');
    expect(shown).toContain('id 10 is too small\n  10,bad,0\n');
    const lines = (await printed('dlq', 'show', file, '--limit', '0', '--json')).trimEnd().split('\n');
    expect(lines).toEqual(readFileSync(`${job.path}.dead.jsonl`, 'utf8').trimEnd().split('\n'));
    expect((await printed('dlq', 'show', file, '--limit', '2', '--json')).trimEnd().split('\n')).toHaveLength(2);
    // They can be given back corrected.
    const corrected = join(folder, 'corrected.jsonl');
    writeFileSync(corrected, `${lines[0]!.replace('3,bad,3', '3,good,3')}\n`);
    const replayed = await printed('dlq', 'replay', file, '--letters', corrected, '--json');
    expect(JSON.parse(replayed)).toMatchObject([{ letters: BAD.length, scored: 1, failed: BAD.length - 1 }]);
  });

  test('list shows the letters of a job that ended for its bad rows, before it has finished', async () => {
    const job = jobTo('out.csv', { deadLetters: { maxShare: 0.01, minRows: 50 } });
    await expect(runJob(job).result).rejects.toMatchObject({ code: 'TOO_MANY_FAILURES' });
    expect(await printed('dlq', 'list', writeJob(join(folder, 'ended.json'), job))).toMatch(
      /: \d+ dead letters\n\d+ failed: HTTP #?(422)?: text must not be bad\n/,
    );
  });
});
