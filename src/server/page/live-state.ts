import type { LiveJob, LiveSnapshot } from '../live/live-view.ts';

/** How the page stands to the server. */
export type Link = 'connecting' | 'live' | 'broken' | 'refused';

/** What the page knows now. Views read it, and are called when it changes. */
export class LiveState {
  link: Link = 'connecting';
  user = '';
  mayRun = false;
  deployments: readonly string[] = [];
  /** Of the server's clock, minus that of this machine, in milliseconds. */
  skew = 0;
  readonly jobs = new Map<string, LiveJob>();
  readonly #listeners = new Set<(changed: readonly LiveJob[]) => void>();

  /** Until what it gives is called. */
  listen(listener: (changed: readonly LiveJob[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  setLink(link: Link): void {
    if (this.link === link) return;
    this.link = link;
    this.#tell([]);
  }

  snapshot({ now, user, mayRun, deployments, jobs }: LiveSnapshot): void {
    this.skew = now - Date.now();
    this.user = user;
    this.mayRun = mayRun;
    this.deployments = deployments;
    this.link = 'live';
    this.put(jobs);
  }

  /** Takes what is newer than what it has. */
  put(jobs: readonly LiveJob[]): void {
    const newer = jobs.filter(({ id, revision }) => (this.jobs.get(id)?.revision ?? 0) <= revision);
    for (const job of newer) this.jobs.set(job.id, job);
    this.#tell(newer);
  }

  /** Another user: nothing of what was seen remains. */
  forget(): void {
    this.jobs.clear();
    this.deployments = [];
    this.user = '';
    this.mayRun = false;
    this.link = 'connecting';
    this.#tell([]);
  }

  /** By the server's clock, milliseconds since 1970. */
  now(): number {
    return Date.now() + this.skew;
  }

  #tell(changed: readonly LiveJob[]): void {
    for (const listener of this.#listeners) listener(changed);
  }
}
