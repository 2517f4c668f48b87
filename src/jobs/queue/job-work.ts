import { randomBytes } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import type { MonitoringBatches } from '../monitoring/kept/monitoring-batches.ts';
import type { MonitoringStore } from '../monitoring/kept/monitoring-store.ts';
import type { BodyContext } from './body/described-job.ts';
import type { JobCluster } from './job-cluster.ts';
import type { JobEvents } from './job-events.ts';
import type { JobFolders } from './job-folder.ts';
import type { ServerSettings } from './server-settings.ts';
import type { JobStore } from './store/job-store.ts';
import type { Seal } from './store/seal.ts';
import type { StoredSecrets } from './stored-secrets.ts';
import { Growth } from './upload/growth.ts';
import type { UploadSlots } from './upload/upload-slots.ts';

/** What the parts of the server that work on jobs share. */
export interface JobParts {
  readonly store: JobStore;
  /** What is kept of the rows and requests of all jobs. */
  readonly monitoring: MonitoringStore;
  readonly batches: MonitoringBatches;
  readonly folders: JobFolders;
  /** What jobs run over; null: each in the process that has it. */
  readonly cluster: JobCluster | null;
  readonly context: BodyContext;
  /** Null: there is no key, and the server keeps no secrets. */
  readonly seal: Seal | null;
  readonly secrets: StoredSecrets;
  readonly settings: ServerSettings;
  readonly growths: Growths;
  readonly slots: UploadSlots;
  readonly events: JobEvents;
  readonly clock: Clock;
  /** One line for people: what the server could not do. */
  readonly log: (line: string) => void;
}

/** What of each job grows: its upload and its result. */
export class Growths {
  readonly #clock: Clock;
  readonly #growths = new Map<string, Growth>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  of(id: string): Growth {
    let growth = this.#growths.get(id);
    if (growth === undefined) this.#growths.set(id, (growth = new Growth(this.#clock)));
    return growth;
  }

  forget(id: string): void {
    this.#growths.delete(id);
  }
}

/** 24 hexadecimal digits: the time in seconds, then chance. Nobody can guess one. */
export function newJobId(clock: Clock): string {
  return (
    Math.floor(clock.wall() / 1000)
      .toString(16)
      .padStart(8, '0') + randomBytes(8).toString('hex')
  );
}
