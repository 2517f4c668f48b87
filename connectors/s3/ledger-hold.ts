import { randomUUID } from 'node:crypto';
import { type Json, livenessOf, SluiceError, sameJson, thisProcess } from '../../src/sdk.ts';
import { deleteObject, getObject, type PutCondition, putObject } from './object-requests.ts';
import type { OutputPlaces } from './output-places.ts';
import type { S3Connection } from './s3-connection.ts';
import { isConditionFailed, isMissing } from './s3-fault.ts';
import { emptyLedger, type LedgerHolder, parseLedger, type S3Ledger } from './s3-ledger.ts';
import { s3Url } from './s3-url.ts';

/** A ledger as it was found; null in it when the text is no ledger. */
interface FoundLedger {
  readonly ledger: S3Ledger | null;
  readonly etag: string;
}

/** So many signs of life fit into the time after which a silent run is taken for dead. */
const SIGNS_OF_LIFE = 3;

/**
 * The right to write one output. It is the ledger itself: whoever writes it names himself in it, and every version replaces the one
 * that he wrote last, and no other. So a run that was taken for dead can commit and publish nothing any more.
 */
export class LedgerHold {
  readonly #connection: S3Connection;
  readonly #places: OutputPlaces;
  readonly #stopping = new AbortController();
  readonly #lost = new AbortController();
  #ledger: S3Ledger;
  #etag: string;
  #serial: number;
  #writtenAt: number;
  /** Writes come one after the other. */
  #queue: Promise<unknown> = Promise.resolve();
  #beating: Promise<void> = Promise.resolve();
  #isRemoved = false;

  private constructor(connection: S3Connection, places: OutputPlaces, ledger: S3Ledger, etag: string) {
    this.#connection = connection;
    this.#places = places;
    this.#ledger = ledger;
    this.#etag = etag;
    this.#serial = ledger.serial;
    this.#writtenAt = connection.clock.now();
  }

  /**
   * Takes the output. Throws OUTPUT_LOCKED when another run writes it, on this machine at once, on another one when it shows a
   * sign of life within `leaseMs`; a run that shows none is taken over.
   * @returns the hold, and the ledger as it was found: null for none, `broken` for one that cannot be read, which is taken only on `overwrite`.
   */
  static async take(
    connection: S3Connection,
    places: OutputPlaces,
    overwrite: boolean,
    signal: AbortSignal,
  ): Promise<{ readonly hold: LedgerHold; readonly found: S3Ledger | 'broken' | null }> {
    const holder: LedgerHolder = { ...(await thisProcess()), nonce: randomUUID() };
    const fresh = emptyLedger(randomUUID(), overwrite, s3Url(places.deadLetters));
    for (let found = await readLedger(connection, places, signal); ; ) {
      if (found !== null && found.ledger === null && !overwrite) throw brokenLedger(places);
      const before = found?.ledger ?? null;
      if (found !== null && before !== null) {
        const seen = await stillHeld(connection, places, { ledger: before, etag: found.etag }, signal);
        if (seen !== 'free') {
          found = seen;
          continue;
        }
      }
      const taken = { ...(before ?? fresh), holder, serial: (before?.serial ?? 0) + 1 };
      const condition = found === null ? 'absent' : { etag: found.etag };
      const { written, now } = await putLedger(connection, places, taken, condition, signal);
      if (written) {
        const hold = new LedgerHold(connection, places, taken, now.etag);
        hold.#beating = hold.#beat();
        return { hold, found: found === null ? null : (before ?? 'broken') };
      }
      found = now;
    }
  }

  /** As it was written last. */
  get ledger(): S3Ledger {
    return this.#ledger;
  }

  /** Aborts when another run has taken over, with the error that says so. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Replaces the ledger. Throws OUTPUT_LOCKED when another run has taken over. Rejects with the library's error otherwise. */
  write(changes: Partial<S3Ledger>, signal: AbortSignal): Promise<void> {
    const written = this.#queue.then(() => this.#replace(changes, signal));
    this.#queue = written.catch(() => undefined);
    return written;
  }

  /** Gives the output free; the ledger stays, unless it was removed. */
  async release(signal: AbortSignal): Promise<void> {
    await this.#stop();
    if (!this.lost.aborted && !this.#isRemoved) await this.write({ holder: null }, signal);
  }

  /**
   * Removes the ledger, after `clear` has removed all that it speaks of. Before that it is marked as over, so that nobody goes on with
   * what is half removed.
   */
  async remove(clear: () => Promise<void>, signal: AbortSignal): Promise<void> {
    if (this.lost.aborted) {
      await this.#stop();
      return;
    }
    if (this.#ledger.state !== 'over') await this.write({ state: 'over' }, signal);
    await clear();
    await this.#stop();
    this.#isRemoved = true;
    try {
      await deleteObject(this.#connection, this.#places.ledger, this.#etag, signal);
    } catch (error) {
      if (!isConditionFailed(error)) throw error;
    }
  }

  async #replace(changes: Partial<S3Ledger>, signal: AbortSignal): Promise<void> {
    this.#lost.signal.throwIfAborted();
    this.#serial += 1;
    const next = { ...this.#ledger, ...changes, serial: this.#serial };
    for (;;) {
      const { written, now } = await putLedger(this.#connection, this.#places, next, { etag: this.#etag }, signal);
      if (written) {
        this.#ledger = next;
        this.#etag = now.etag;
        this.#writtenAt = this.#connection.clock.now();
        return;
      }
      // A write of ours that was given up may have been done all the same: this one replaces it.
      if (now === null || now.ledger?.holder?.nonce !== this.#ledger.holder?.nonce) break;
      this.#etag = now.etag;
    }
    this.#lost.abort(
      new SluiceError(
        'OUTPUT_LOCKED',
        `Another run has taken ${this.#places.name} over, as this one was silent for too long. It has written nothing since.`,
      ),
    );
    this.#lost.signal.throwIfAborted();
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    await this.#beating;
    await this.#queue;
  }

  /** Writes the ledger now and then, that others see that we live. A failure shows at the next commit. */
  async #beat(): Promise<void> {
    const { clock, settings } = this.#connection;
    const every = settings.leaseMs / SIGNS_OF_LIFE;
    const { signal } = this.#stopping;
    while (!signal.aborted && !this.#lost.signal.aborted) {
      const left = this.#writtenAt + every - clock.now();
      if (left > 0) await clock.sleep(left, signal).catch(() => undefined);
      else await this.write({}, signal).catch(() => (this.#writtenAt = clock.now()));
    }
  }
}

/** Reads the ledger of an output; null when there is none. Rejects with the library's error. */
export async function readLedger(
  connection: S3Connection,
  places: OutputPlaces,
  signal: AbortSignal,
): Promise<FoundLedger | null> {
  const found = await getObject(connection, places.ledger, signal);
  if (found === null) return null;
  return { ledger: parseLedger(Buffer.from(found.body).toString('utf8')), etag: found.etag };
}

/** `free` when nobody writes the output any more; what is there now when that has changed meanwhile. Throws OUTPUT_LOCKED. */
export async function stillHeld(
  connection: S3Connection,
  places: OutputPlaces,
  { ledger, etag }: FoundLedger & { readonly ledger: S3Ledger },
  signal: AbortSignal,
): Promise<'free' | FoundLedger | null> {
  const { holder } = ledger;
  if (holder === null) return 'free';
  const liveness = await livenessOf(holder);
  if (liveness === 'gone') return 'free';
  if (liveness === 'alive') throw locked(places, holder);
  await connection.clock.sleep(connection.settings.leaseMs, signal);
  const now = await readLedger(connection, places, signal);
  if (now?.etag === etag) return 'free';
  if (now !== null && now.ledger !== null && now.ledger.holder !== null) throw locked(places, now.ledger.holder);
  return now;
}

/**
 * Writes the ledger under a condition, and says what stands there now. A request whose reply was lost is sent again and finds its
 * own work: that counts as written.
 */
async function putLedger(
  connection: S3Connection,
  places: OutputPlaces,
  ledger: S3Ledger,
  condition: PutCondition,
  signal: AbortSignal,
): Promise<
  { readonly written: true; readonly now: FoundLedger } | { readonly written: false; readonly now: FoundLedger | null }
> {
  const body = Buffer.from(`${JSON.stringify(ledger)}\n`);
  const options = { condition, run: ledger.run, type: 'application/json' };
  try {
    const etag = await putObject(connection, places.ledger, body, options, signal);
    return { written: true, now: { ledger, etag } };
  } catch (error) {
    if (!isConditionFailed(error) && !(isMissing(error) && condition !== 'absent')) throw error;
    const now = await readLedger(connection, places, signal);
    if (now !== null && sameJson(now.ledger as unknown as Json, ledger as unknown as Json))
      return { written: true, now };
    return { written: false, now };
  }
}

function locked(places: OutputPlaces, { pid, host }: LedgerHolder): SluiceError {
  return new SluiceError(
    'OUTPUT_LOCKED',
    `${places.name} is being written by process ${pid} on ${host}. Wait for it, stop it, or choose another url.`,
  );
}

export function brokenLedger(places: OutputPlaces): SluiceError {
  return new SluiceError(
    'LEDGER_BROKEN',
    `${s3Url(places.ledger)} is no ledger of this version of Sluice. Restore it, or start anew with --overwrite.`,
  );
}
