import { type Claim, fairParts } from './fair-parts.ts';

/** What a process tells the others of its use of one server. Numbers are means since it told last. */
export interface ServerUse {
  readonly users: readonly Claim[];
  /** Requests under way. */
  readonly inFlight: number;
  /** Workers of the server that those kept busy; the rest of them waited there. */
  readonly busy: number;
  /** Whether a live user has sent something of late. */
  readonly isLive: boolean;
}

/** What a process may do beside the others. */
export interface Standing {
  /** Requests at once, at the most; infinite where nobody is in want of what it has. */
  readonly most: number;
  /** Requests of the others under way. */
  readonly inFlight: number;
  /** Workers that batch users of the others keep busy, who make room for live ones. */
  readonly batch: number;
  /** Whether a live user in another process has sent something of late. */
  readonly isLive: boolean;
  /** Whether another process has more workers than this one to leave a place free for live users. */
  readonly isSmaller: boolean;
}

/** Milliseconds after which a process that was not heard of does not count any more. */
export const SILENT_MS = 7_000;
/** Who has nine tenths of his part, and all but a quarter of a worker of it, is in want of nothing. */
const ENOUGH = 0.9;
const NEARLY = 0.25;
/** A queue of so much of the root of the workers is one: half of what a process alone keeps at the least. */
const QUEUE = 0.25;

/**
 * What the other processes say that send to the same server, and what follows for this one. Every process finds by itself what the server
 * bears, and grows only where it sees no queue. So what the others say is never needed to have more: it only holds back who has more
 * than his part while somebody has less than his, and who is in the way of live users. Without news for a while, nothing does.
 */
export class Neighbours {
  readonly #heard = new Map<string, { readonly use: ServerUse; readonly atMs: number }>();

  heard(process: string, use: ServerUse, nowMs: number): void {
    this.#heard.set(process, { use, atMs: nowMs });
  }

  left(process: string): void {
    this.#heard.delete(process);
  }

  standing(own: ServerUse, nowMs: number): Standing {
    for (const [process, { atMs }] of this.#heard) if (nowMs - atMs > SILENT_MS) this.left(process);
    const others = [...this.#heard.values()].map(({ use }) => use);
    const uses = [own, ...others];
    const all = sum(uses.map(({ busy }) => busy));
    const parts = fairParts(
      all,
      uses.flatMap(({ users }) => users),
    );
    let at = 0;
    const [part = 0, ...dues] = uses.map(({ users }) => sum(parts.slice(at, (at += users.length))));
    const inFlight = sum(others.map((use) => use.inFlight));
    // Where nothing waits who is in want need not be given anything: he finds that there is room.
    const isFull = inFlight + own.inFlight - all >= QUEUE * Math.sqrt(all);
    const isWanted = isFull && others.some((use, i) => isInWant(use, dues[i]!));
    return {
      most: isWanted ? Math.max(1, part + Math.sqrt(Math.max(1, part))) : Number.POSITIVE_INFINITY,
      inFlight,
      batch: sum(others.map(batchOf)),
      isLive: others.some(({ isLive }) => isLive),
      isSmaller: others.some((use) => batchOf(use) > batchOf(own)),
    };
  }
}

function isInWant({ users, inFlight, busy }: ServerUse, due: number): boolean {
  const wants = sum(users.map((user) => user.wants));
  return inFlight < ENOUGH * wants && busy < Math.min(ENOUGH * due, due - NEARLY);
}

/** The workers that a process has for its batch users: what live ones leave. */
function batchOf({ users, busy }: ServerUse): number {
  const wants = (rank: Claim['priority']): number =>
    sum(users.map(({ priority, wants }) => (priority === rank ? wants : 0)));
  return Math.min(wants('batch'), Math.max(0, busy - wants('live')));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
