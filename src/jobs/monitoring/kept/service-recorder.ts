import type { FinishedRequest } from '../../../core/finished-request.ts';
import { ServiceSum } from '../../../observe/service-hour.ts';
import type { MonitoringStore } from './monitoring-store.ts';

const HOUR_MS = 3_600_000;

/** The requests of one attempt of a job, by the hour, and their way into the store. */
export class ServiceRecorder {
  readonly #job: { readonly id: string; readonly deploymentId: string; readonly attempt: number };
  readonly #hours = new Map<number, ServiceSum>();
  /** Hours that have more requests than the store knows. */
  #changed = new Set<number>();

  constructor(job: { readonly id: string; readonly deploymentId: string; readonly attempt: number }) {
    this.#job = job;
  }

  record(request: FinishedRequest, wallMs: number): void {
    const hour = Math.floor(wallMs / HOUR_MS);
    let sum = this.#hours.get(hour);
    if (sum === undefined) this.#hours.set(hour, (sum = new ServiceSum()));
    sum.record(request, wallMs);
    this.#changed.add(hour);
  }

  /** Writes what has changed. @param model of the rows, as far as it is known. */
  async keep(store: MonitoringStore, model: string | null): Promise<void> {
    const changed = [...this.#changed];
    this.#changed = new Set();
    try {
      for (const hour of changed) await store.keepHour({ ...this.#job, model }, hour, this.#hours.get(hour)!.hour());
    } catch (error) {
      for (const hour of changed) this.#changed.add(hour);
      throw error;
    }
    const newest = Math.max(...this.#hours.keys());
    for (const hour of this.#hours.keys()) if (hour < newest - 1 && !this.#changed.has(hour)) this.#hours.delete(hour);
  }
}
