import { type Json, type ObjectRole, SluiceError, type StagedOutput, type StagedState } from '../../src/sdk.ts';
import { GrowingObject } from './growing-object.ts';
import type { LedgerHold } from './ledger-hold.ts';
import { manifestNames, type OutputPlaces } from './output-places.ts';
import { contentType, isThere, outputExists, publishUpload } from './publish-upload.ts';
import type { S3Connection } from './s3-connection.ts';
import { s3Fault } from './s3-fault.ts';
import { NOTHING_HELD, type S3Ledger } from './s3-ledger.ts';
import { sweepOutput } from './sweep-output.ts';

type Growing = Readonly<Record<ObjectRole, GrowingObject>>;

/**
 * One output under way in a store: two objects that grow, and a ledger that says how far they count. Nothing more is accepted after a
 * failure: nobody knows then what the store has, but what the last ledger names is there.
 */
export class StagedUpload implements StagedOutput {
  readonly names: StagedOutput['names'];
  readonly sealed = true;
  readonly #connection: S3Connection;
  readonly #places: OutputPlaces;
  readonly #hold: LedgerHold;
  readonly #ending = new AbortController();
  /** Aborts when what is on its way is of no use any more. */
  readonly #work: AbortSignal;
  #growing!: Growing;
  #found: StagedState | null;
  #state: 'open' | 'gone' | 'closed' = 'open';
  #failure: { readonly error: unknown } | null = null;

  private constructor(connection: S3Connection, places: OutputPlaces, hold: LedgerHold) {
    this.names = manifestNames(places);
    this.#connection = connection;
    this.#places = places;
    this.#hold = hold;
    this.#work = AbortSignal.any([this.#ending.signal, hold.lost]);
    const { committed, note, objects } = hold.ledger;
    const bytes = { rows: objects.rows.bytes, deadLetters: objects.deadLetters.bytes };
    this.#found = committed ? { note, bytes } : null;
  }

  /** Goes on where the ledger of the hold says. Throws LEDGER_BROKEN; rejects with the library's error. */
  static async open(
    connection: S3Connection,
    places: OutputPlaces,
    hold: LedgerHold,
    signal: AbortSignal,
  ): Promise<StagedUpload> {
    const staged = new StagedUpload(connection, places, hold);
    staged.#growing = await staged.#grow(hold.ledger, signal);
    return staged;
  }

  get found(): StagedState | null {
    return this.#found;
  }

  async *reread(role: ObjectRole, from: number, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    signal.throwIfAborted();
    yield this.#growing[role].durableFrom(from);
  }

  async append(role: ObjectRole, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#do(signal, () => this.#growing[role].append(bytes, signal));
  }

  async commit(note: Json, signal: AbortSignal): Promise<void> {
    await this.#do(signal, async () => {
      const objects = await this.#each((object) => object.settle(signal));
      await this.#hold.write({ objects, committed: true, note }, signal);
      for (const object of Object.values(this.#growing)) object.forget();
    });
  }

  async publish(manifest: Json, signal: AbortSignal): Promise<void> {
    await this.#do(signal, async () => {
      const { rows, name } = this.#places;
      if (!this.#hold.ledger.overwrite && (await isThere(this.#connection, rows, signal))) throw outputExists(name);
      const objects = await this.#each((object) => object.finish(signal));
      await this.#hold.write({ state: 'publishing', objects, manifest }, signal);
      // From here on nothing may be taken back: what is not done now, the next run of this output does.
      this.#state = 'gone';
      await publishUpload(this.#connection, this.#places, this.#hold.ledger, signal);
      await this.#hold.remove(() => this.#sweep(signal), signal);
    });
  }

  async restart(signal: AbortSignal): Promise<void> {
    await this.#do(signal, async () => {
      const before = this.#hold.ledger;
      await this.#each((object) => object.rest());
      // The ledger first: then what is left counts as nothing.
      const objects = { rows: NOTHING_HELD, deadLetters: NOTHING_HELD };
      await this.#hold.write({ objects, committed: false, note: null }, signal);
      await sweepOutput(this.#connection, this.#places, this.#hold.ledger, before, signal);
      this.#found = null;
      this.#growing = await this.#grow(this.#hold.ledger, signal);
    });
  }

  async discard(): Promise<void> {
    if (this.#state !== 'open') return;
    this.#state = 'gone';
    await this.#remove();
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    const wasOpen = this.#state === 'open';
    this.#state = 'closed';
    if (wasOpen && !this.#hold.ledger.committed) await this.#remove();
    else {
      await this.#end();
      await this.#guarded((signal) => this.#hold.release(signal));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #grow(ledger: S3Ledger, signal: AbortSignal): Promise<Growing> {
    const open = (role: ObjectRole): Promise<GrowingObject> => {
      const place = this.#places[role];
      const { pieces } = this.#places;
      const held = ledger.objects[role];
      const options = { place, pieces, held, run: ledger.run, type: contentType(place, role), signal: this.#work };
      return GrowingObject.open({ connection: this.#connection, ...options }, signal);
    };
    return { rows: await open('rows'), deadLetters: await open('deadLetters') };
  }

  async #each<T>(work: (object: GrowingObject) => Promise<T>): Promise<Record<ObjectRole, T>> {
    const { rows, deadLetters } = this.#growing;
    const [first, second] = await Promise.all([work(rows), work(deadLetters)]);
    return { rows: first, deadLetters: second };
  }

  /** Ends what is on its way, and waits for it: a part that arrived after its upload was aborted would stay for good. */
  async #end(): Promise<void> {
    this.#ending.abort();
    await this.#each((object) => object.rest());
  }

  async #remove(): Promise<void> {
    await this.#end();
    await this.#guarded((signal) => this.#hold.remove(() => this.#sweep(signal), signal));
  }

  #sweep(signal: AbortSignal): Promise<void> {
    return sweepOutput(this.#connection, this.#places, null, this.#hold.ledger, signal);
  }

  async #do(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    if (this.#state !== 'open') throw this.#misused();
    signal.throwIfAborted();
    if (this.#failure !== null) throw this.#failure.error;
    try {
      this.#hold.lost.throwIfAborted();
      await work();
    } catch (error) {
      this.#failure = { error: this.#fault(error) };
      throw this.#failure.error;
    }
  }

  /** What must be done also by somebody who is leaving. */
  async #guarded(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    try {
      await work(new AbortController().signal);
    } catch (error) {
      throw this.#fault(error);
    }
  }

  #fault(error: unknown): unknown {
    return s3Fault(error, { doing: 'write', name: this.#places.name, endpoint: this.#connection.endpoint });
  }

  #misused(): SluiceError {
    return new SluiceError(
      'CONTRACT_BROKEN',
      `${this.#places.name} was used after it was published, discarded or closed. This is a fault in the program.`,
    );
  }
}
