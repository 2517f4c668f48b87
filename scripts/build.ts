// Builds what the package ships into an empty dist/: the sources as JavaScript with declarations, the live page, and the one source that is Java.
import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
rmSync(join(root, 'dist'), { recursive: true, force: true });
execFileSync(join(root, 'node_modules', '.bin', 'tsc'), ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
// The page runs in browsers, which other things are there for.
const page = 'src/server/page';
const emitted = ['--noEmit', 'false', '--rootDir', '.', '--outDir', 'dist'];
execFileSync(join(root, 'node_modules', '.bin', 'tsc'), ['-p', page, ...emitted], { cwd: root, stdio: 'inherit' });
for (const name of readdirSync(join(root, page)).filter((name) => /\.(html|css|svg)$/.test(name)))
  cpSync(join(root, page, name), join(root, 'dist', page, name));
// The program of the bridge to JDBC is compiled where it runs.
const bridge = 'connectors/sql/bridge/Bridge.java';
cpSync(join(root, bridge), join(root, 'dist', bridge));
