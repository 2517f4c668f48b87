import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, SluiceError } from '../../core/error.ts';
import type { Report } from './report.ts';
import { reportPage } from './report-page.ts';

/** Writes `report.json` and `report.html` into a folder, in place of those of an earlier run. Throws OUTPUT_UNWRITABLE. */
export async function writeReport(folder: string, report: Report): Promise<void> {
  const texts = { 'report.json': `${JSON.stringify(report, null, 2)}\n`, 'report.html': reportPage(report) };
  try {
    await mkdir(folder, { recursive: true });
    for (const [name, text] of Object.entries(texts)) {
      const path = join(folder, name);
      await writeFile(`${path}.new`, text);
      await rename(`${path}.new`, path);
    }
  } catch (error) {
    throw new SluiceError(
      'OUTPUT_UNWRITABLE',
      `The output is whole, but the report cannot be written to ${folder}: ${messageOf(error)}. Name another folder with report.`,
      { cause: error },
    );
  }
}
