// Compiles src/core/kernel/kernel.wat to compiled.ts beside it; with --check it only says whether that is up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import wabt from 'wabt';

const folder = join(import.meta.dirname, '../src/core/kernel');
const source = readFileSync(join(folder, 'kernel.wat'), 'utf8');
const module = (await wabt()).parseWat('kernel.wat', source, { simd: true, mutable_globals: true });
const { buffer } = module.toBinary({});
const lines = Buffer.from(buffer)
  .toString('base64')
  .match(/.{1,110}/g)!
  .map((line) => `  '${line}',`);
const text = [
  '// Made by `npm run kernel` from kernel.wat; not to be edited.',
  '/** A WebAssembly module in base64. */',
  'export const compiledKernel: string = [',
  ...lines,
  "].join('');",
  '',
].join('\n');

const target = join(folder, 'compiled.ts');
if (!process.argv.includes('--check')) {
  writeFileSync(target, text);
} else if (readFileSync(target, 'utf8') !== text) {
  console.error('src/core/kernel/compiled.ts is not what kernel.wat gives. Run `npm run kernel` and commit both.');
  process.exitCode = 1;
}
