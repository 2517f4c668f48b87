import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { JobInput } from '../../src/index.ts';
import { PredictionServer } from './prediction-server.ts';
import { isBad, rowsWithBadOnes } from './replays.ts';

/** A job into a file or a folder; where that is does not belong to its description. */
export interface JobToPath extends JobInput {
  readonly path: string;
}

/** What replays are tried on: a folder with rows of which some are bad, and a prediction server. */
export class ReplayScene {
  readonly folder = mkdtempSync(join(tmpdir(), 'sluice-replays-'));
  readonly rows: number;
  /** The rows that are bad. */
  readonly bad: readonly number[];
  readonly server: PredictionServer;
  #outputs = 0;

  private constructor(rows: number, server: PredictionServer) {
    this.rows = rows;
    this.bad = Array.from({ length: rows }, (_, id) => id).filter(isBad);
    this.server = server;
    writeFileSync(join(this.folder, 'in.csv'), rowsWithBadOnes(rows));
  }

  /** One for a test file, gone behind its tests. */
  static async open(rows: number): Promise<ReplayScene> {
    const scene = new ReplayScene(rows, await PredictionServer.start());
    afterAll(async () => {
      await scene.server.close();
      rmSync(scene.folder, { recursive: true });
    });
    return scene;
  }

  /** A job that scores the rows. */
  job(outputSettings: JobInput['outputSettings'], changes: Partial<JobInput> = {}): JobInput {
    return {
      deployment: { id: 'd', server: this.server.url },
      intakeSettings: { file: join(this.folder, 'in.csv') },
      outputSettings,
      passthroughColumns: ['id', 'text'],
      chunkRows: 60,
      ...changes,
    };
  }

  /** The same, into a folder of its own. @param name of the output in there; with a slash at its end that of a folder. */
  jobTo(name: string, changes: Partial<JobInput> = {}, output: object = {}): JobToPath {
    this.#outputs += 1;
    const own = join(this.folder, String(this.#outputs));
    mkdirSync(own);
    const path = join(own, name);
    const job = this.job({ path, ...output }, { includePredictionStatus: true, ...changes });
    return Object.defineProperty(job, 'path', { value: path, enumerable: false }) as JobToPath;
  }
}
