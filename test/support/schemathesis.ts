import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pythonPackages } from './services/python-packages.ts';

export interface SchemathesisRun {
  /** Address of the OpenAPI document. */
  readonly document: string;
  readonly token: string;
  /** Requests of each kind for each operation, about. */
  readonly examples: number;
  /** Values for parts of paths. */
  readonly ids?: Readonly<Record<string, string>>;
  /** Only operations whose path it fits. */
  readonly paths?: string;
  readonly phases?: string;
}

/**
 * Runs schemathesis, installed from PyPI to a cache outside of the checkout. It looks for replies of 5xx, for content types that the document does
 * not name, and for routes that answer without the token.
 */
export async function schemathesis(
  run: SchemathesisRun,
): Promise<{ readonly isSound: boolean; readonly said: string }> {
  const programs = await pythonPackages('schemathesis', ['schemathesis==4.32.5']);
  const folder = mkdtempSync(join(tmpdir(), 'sluice-schemathesis-'));
  try {
    const config = join(folder, 'schemathesis.toml');
    const values = Object.entries(run.ids ?? {}).map(([name, value]) => `"path.${name}" = ${JSON.stringify(value)}`);
    writeFileSync(config, `parameters = { ${values.join(', ')} }\n`);
    const checks = 'not_a_server_error,content_type_conformance,ignored_auth';
    const header = `Authorization: Bearer ${run.token}`;
    const amount = ['--phases', run.phases ?? 'coverage,fuzzing', '--max-examples', String(run.examples)];
    const paths = run.paths === undefined ? [] : ['--include-path-regex', run.paths];
    // With more workers Python 3.11 itself fails now and then.
    const ways = ['--workers', '1', '--generation-deterministic', '--request-timeout', '20', '--no-color'];
    const what = ['--checks', checks, '--header', header, ...amount, ...paths, ...ways];
    const args = ['--config-file', config, 'run', run.document, ...what];
    return await new Promise((resolve) => {
      const command = join(programs, 'schemathesis');
      execFile(command, args, { cwd: folder, maxBuffer: 2 ** 26 }, (error, stdout, stderr) =>
        resolve({ isSound: error === null && /[1-9]\d* generated/.test(stdout), said: `${stdout}${stderr}` }),
      );
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
