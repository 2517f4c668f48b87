// Builds what the package ships: the sources as JavaScript with declarations, and the one that is Java, into an empty dist/.
import { execFileSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
rmSync(join(root, 'dist'), { recursive: true, force: true });
execFileSync(join(root, 'node_modules', '.bin', 'tsc'), ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
// The program of the bridge to JDBC is compiled where it runs.
const bridge = 'connectors/sql/bridge/Bridge.java';
cpSync(join(root, bridge), join(root, 'dist', bridge));
