import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PredictionServer } from '../support/prediction-server.ts';

const root = join(import.meta.dirname, '../..');
let folder = '';
let installed = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-package-'));
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--silent', '--pack-destination', folder], { cwd: root, encoding: 'utf8' }),
  ) as [{ filename: string }];
  writeFileSync(join(folder, 'package.json'), '{ "name": "somebody", "private": true, "type": "module" }');
  execFileSync('npm', ['install', '--silent', '--no-audit', '--no-fund', join(folder, packed.filename)], {
    cwd: folder,
    stdio: 'pipe',
  });
  installed = join(folder, 'node_modules/.bin/sluice');
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the installed command with the Node that runs the tests. */
function run(...args: readonly string[]): {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
} {
  const { status, stdout, stderr } = spawnSync(process.execPath, [installed, ...args], {
    cwd: folder,
    encoding: 'utf8',
  });
  return { code: status, stdout, stderr };
}

describe('the package, installed into an empty folder', () => {
  test('gives a sluice that says its version and prints the schema', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(run('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
    expect(run('schema')).toMatchObject({ code: 0, stderr: '' });
  });

  test('scores a file, with the models that come with it, and from a program', async () => {
    await using server = await PredictionServer.start();
    writeFileSync(join(folder, 'rows.csv'), 'id,x\n1,2\n3,4\n');
    const program = `
      import { runJob, SluiceError } from 'sluice';
      import { createCsvCodec } from 'sluice/sdk';
      import { acceptSink } from 'sluice/testing';
      const run = runJob({ deployment: { id: 'd', server: process.argv[2] }, intakeSettings: { file: 'rows.csv' }, outputSettings: { path: 'scored.csv' }, passthroughColumns: ['id'] });
      const { manifest } = await run.result;
      console.log(manifest.tally.scored, typeof createCsvCodec, typeof acceptSink, typeof SluiceError);
    `;
    writeFileSync(join(folder, 'program.js'), program);
    const { spawn } = await import('node:child_process');
    const child = spawn(process.execPath, ['program.js', server.url], { cwd: folder });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await new Promise((resolve) => child.on('close', resolve));
    expect(said).toBe('2 function function function\n');
    expect(readFileSync(join(folder, 'scored.csv'), 'utf8')).toBe('y_PREDICTION,id\n2,1\n6,3\n');
    expect(run('verify', 'scored.csv').code).toBe(0);
    const started = spawn(process.execPath, [installed, 'model-server', '--port', '0'], { cwd: folder });
    const line = await new Promise<string>((resolve) =>
      started.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString())),
    );
    expect(line).toContain('flights');
    started.kill('SIGTERM');
    expect(await new Promise((resolve) => started.on('close', resolve))).toBe(0);
  });

  test('has the program of the bridge to JDBC, which Java compiles', () => {
    const bridge = 'connectors/sql/bridge/Bridge.java';
    const packed = readFileSync(join(folder, 'node_modules/sluice/dist', bridge), 'utf8');
    expect(packed).toBe(readFileSync(join(root, bridge), 'utf8'));
  });

  test('says in one line that an older Node will not do', () => {
    const old = join(folder, 'older-node.cjs');
    writeFileSync(
      old,
      "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.19.4' } });",
    );
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--require', old, installed, 'run', 'job.yaml'], {
      encoding: 'utf8',
    });
    expect({ status, stdout, stderr }).toEqual({
      status: 2,
      stdout: '',
      stderr: 'sluice needs Node 22.22 or newer; this is Node 20.19.4.\n',
    });
  });
});
