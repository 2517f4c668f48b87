import type { Clock } from '../../core/clock.ts';
import { hasEnded, type QueueEntry } from './job-record.ts';

/** A claim that nobody has renewed for so long is void, in milliseconds. */
export const LEASE_MS = 15_000;

/**
 * Which claims of others are void: those whose beat stands still, by this process's own clock, so that clocks of several machines need
 * not agree.
 */
export class ClaimWatch {
  readonly #clock: Clock;
  /** Claims of others are void at once: the store is this process's alone. */
  readonly #isAlone: boolean;
  readonly #seen = new Map<string, { readonly runner: string; readonly beat: number; readonly since: number }>();

  constructor(clock: Clock, isAlone: boolean) {
    this.#clock = clock;
    this.#isAlone = isAlone;
  }

  /** The IDs of jobs whose claim is void. @param isMine whether this process works on the job: such a claim never is. */
  voidClaims(queue: readonly QueueEntry[], me: string, isMine: (id: string) => boolean): ReadonlySet<string> {
    const now = this.#clock.now();
    const known = new Set(queue.map(({ id }) => id));
    for (const id of this.#seen.keys()) if (!known.has(id)) this.#seen.delete(id);
    const isVoid = (record: QueueEntry): boolean =>
      record.claim?.runner === me ? !isMine(record.id) : this.#isVoid(record, now);
    return new Set(queue.filter(isVoid).map(({ id }) => id));
  }

  #isVoid({ id, claim }: QueueEntry, now: number): boolean {
    if (claim === null) return false;
    if (this.#isAlone) return true;
    const seen = this.#seen.get(id);
    if (seen?.runner === claim.runner && seen.beat === claim.beat) return now - seen.since >= LEASE_MS;
    this.#seen.set(id, { ...claim, since: now });
    return false;
  }
}

/**
 * The jobs whose turn it is now. Per prediction server so many at once; those that were begun already first, then by priority and time, as
 * `queue` has them. A job that has ended but whose claim is void is among them, to be cleared away.
 */
export function inTurnNow(
  queue: readonly QueueEntry[],
  voidClaims: ReadonlySet<string>,
  jobsPerServer: number,
): readonly QueueEntry[] {
  const busy = new Map<string, number>();
  const isHeld = (record: QueueEntry): boolean => record.claim !== null && !voidClaims.has(record.id);
  for (const record of queue) if (isHeld(record)) busy.set(record.server, (busy.get(record.server) ?? 0) + 1);
  return queue.filter((record) => {
    if (isHeld(record)) return false;
    if (hasEnded(record)) return true;
    const running = busy.get(record.server) ?? 0;
    if (running >= jobsPerServer) return false;
    busy.set(record.server, running + 1);
    return true;
  });
}

/** How many jobs of the same server go before a job that waits; null for one that does not. */
export function queuePosition(record: QueueEntry, queue: readonly QueueEntry[]): number | null {
  if (record.status !== 'INITIALIZING' || record.queuedAt === null || record.claim !== null) return null;
  const own = queue.filter(
    ({ server, id, status }) => server === record.server && (status !== 'ABORTED' || id === record.id),
  );
  const held = own.filter(({ claim }) => claim !== null).length;
  const waiting = own.filter(({ claim }) => claim === null).findIndex(({ id }) => id === record.id);
  return waiting < 0 ? null : held + waiting;
}
