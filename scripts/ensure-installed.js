// Runs before `npm start`, `npm test` and the others, under whatever Node the machine has: installs what package-lock.json
// says unless it is installed already. Plain JavaScript without packages, as there may be none yet.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..');
const stamp = join(root, 'node_modules', '.installed-lock-digest');
const digest = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex');

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== digest) {
  console.error('sluice: installing the packages of package-lock.json (npm ci) ...');
  const npm = process.env.npm_execpath;
  const [command, args] = npm === undefined ? ['npm', ['ci']] : [process.execPath, [npm, 'ci']];
  try {
    execFileSync(command, [...args, '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: root,
      stdio: ['ignore', 2, 2],
    });
  } catch (error) {
    console.error(
      `sluice: npm ci failed (${error.message}). Check the connection to your npm registry and run it again.`,
    );
    process.exit(1);
  }
  writeFileSync(stamp, digest);
}

const node = join(root, 'node_modules', '.bin', 'node');
const version = execFileSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' }).trim();
if (Number(version.split('.')[0]) < 24) {
  console.error(
    `sluice: node_modules/.bin/node is Node ${version}, not the Node 24 that package.json asks for. ` +
      'Install scripts are probably switched off: run npm ci --ignore-scripts=false.',
  );
  process.exit(1);
}
