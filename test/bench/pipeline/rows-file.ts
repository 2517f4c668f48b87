import { once } from 'node:events';
import { createWriteStream, existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Thirteen columns, about 78 bytes a row: an id and a dozen of numbers, as feature tables are. */
const HEADER = 'id,f01,f02,f03,f04,f05,f06,f07,f08,f09,f10,f11,f12\n';

/** Makes the file unless it is there already; the same rows every time. */
export async function rowsFile(path: string, rows: number): Promise<void> {
  if (existsSync(path) && statSync(path).size > 0) return;
  mkdirSync(dirname(path), { recursive: true });
  const out = createWriteStream(`${path}.new`);
  out.write(HEADER);
  let state = 42;
  const number = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state;
  };
  for (let row = 0; row < rows; ) {
    const lines: string[] = [];
    for (; row < rows && lines.length < 10_000; row += 1) {
      const cells = Array.from({ length: 12 }, (_, i) => (i % 3 === 0 ? number() % 1000 : (number() % 100_000) / 1000));
      lines.push(`${10_000_000 + row},${cells.join(',')}\n`);
    }
    if (!out.write(lines.join(''))) await once(out, 'drain');
  }
  out.end();
  await once(out, 'finish');
  renameSync(`${path}.new`, path);
}
