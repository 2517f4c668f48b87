#!/usr/bin/env node
// Loads under any Node, also those that cannot load the rest: the version is checked before anything else is imported.
import { existsSync } from 'node:fs';
import module from 'node:module';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 22)) {
  console.error(`sluice needs Node 22.22 or newer; this is Node ${process.versions.node}.`);
  process.exit(2);
}
// A server lives beside others for a long time. Node lets its young generation grow with the memory of the machine (to 128 MB where there are
// 24 GB), and glibc keeps what was freed in the middle of its arenas: with these settings 800 MB through a server took 216 MB in place of 278.
// Both are read only when a process starts, so the same process starts anew. Not on Windows; who sets the first by himself is left alone.
const isSet = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].some((option) => /semi[-_]space/.test(option));
if (process.argv[2] === 'serve' && !isSet && process.execve !== undefined && process.platform !== 'win32') {
  const [node, ...rest] = process.argv;
  const memory = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '32768' };
  process.execve(process.execPath, [node, ...process.execArgv, '--max-semi-space-size=2', ...rest], {
    ...memory,
    ...process.env,
  });
}
// What was compiled once is kept among the temporary files of this machine: that halves the time to start.
module.enableCompileCache?.();
// A checkout runs its sources as they are; the package ships them built.
const built = !existsSync(new URL('../src/cli/main.ts', import.meta.url));
const load = (name) => import(built ? `../dist/src/cli/${name}.js` : `../src/cli/${name}.ts`);
const { bearBrokenStreams } = await load('standard-streams');
bearBrokenStreams();
const { main } = await load('main');
process.exitCode = await main(process.argv.slice(2));
