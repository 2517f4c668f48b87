import { abortable } from '../../src/sdk.ts';
import { fetchRange, type PinnedObject } from './pinned-object.ts';
import type { S3Connection } from './s3-connection.ts';

/** Objects up to this size are fetched whole. */
const SMALL_BYTES = 256 * 1024;

/**
 * Fetches small objects before they are asked for, in the order that they were listed in, and keeps them for the next pass over the
 * list, as far as `aheadBytes` reaches. An intake of many of them would wait for a round trip by each otherwise.
 */
export class SmallObjects implements AsyncDisposable {
  readonly #connection: S3Connection;
  readonly #listed: PinnedObject[] = [];
  readonly #places = new Map<string, number>();
  /** By place in the list; the one that was begun first comes first. */
  readonly #kept = new Map<number, Promise<Uint8Array>>();
  readonly #closing = new AbortController();
  #keptBytes = 0;
  #underWay = 0;

  constructor(connection: S3Connection) {
    this.#connection = connection;
  }

  static isSmall({ bytes }: PinnedObject): boolean {
    return bytes <= SMALL_BYTES;
  }

  /** Notes which object will probably be read after those noted before. */
  expect(name: string, object: PinnedObject): void {
    this.#places.set(name, this.#listed.length);
    this.#listed.push(object);
  }

  /** The bytes of an object that was noted; not to be written to. Rejects with the library's error. */
  async get(name: string, signal: AbortSignal): Promise<Uint8Array> {
    const at = this.#places.get(name)!;
    const bytes = this.#fetch(at);
    this.#fetchAhead(at);
    try {
      return await abortable(bytes, signal);
    } finally {
      this.#fetchAhead(at);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#kept.values());
    this.#kept.clear();
  }

  #fetchAhead(at: number): void {
    const { smallConnections } = this.#connection.settings;
    const end = Math.min(this.#endOfReach(at), this.#listed.length);
    for (let next = at + 1; next < end; next += 1) {
      if (this.#underWay >= smallConnections) return;
      const object = this.#listed[next]!;
      if (this.#kept.has(next) || !SmallObjects.isSmall(object)) continue;
      if (!this.#makeRoom(object.bytes, at)) return;
      void this.#fetch(next);
    }
  }

  /** So far is fetched ahead of the place `at`. */
  #endOfReach(at: number): number {
    return at + 1 + 2 * this.#connection.settings.smallConnections;
  }

  /** Forgets what lies behind the place `at`, oldest first, until so many bytes fit in. */
  #makeRoom(bytes: number, at: number): boolean {
    const { aheadBytes } = this.#connection.settings;
    for (const place of this.#kept.keys()) {
      if (this.#keptBytes + bytes <= aheadBytes) break;
      if (place < at || place >= this.#endOfReach(at)) this.#forget(place);
    }
    return this.#keptBytes + bytes <= aheadBytes;
  }

  #fetch(at: number): Promise<Uint8Array> {
    const known = this.#kept.get(at);
    if (known !== undefined) return known;
    const object = this.#listed[at]!;
    const into = Buffer.allocUnsafeSlow(object.bytes);
    this.#underWay += 1;
    this.#keptBytes += object.bytes;
    const fetched = fetchRange(this.#connection, object, 0, into, this.#closing.signal)
      .then(() => into)
      .finally(() => (this.#underWay -= 1));
    // One that failed is tried again by whoever wants it.
    fetched.catch(() => this.#forget(at));
    this.#kept.set(at, fetched);
    return fetched;
  }

  #forget(at: number): void {
    if (this.#kept.delete(at)) this.#keptBytes -= this.#listed[at]!.bytes;
  }
}
