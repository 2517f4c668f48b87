import type { Json } from './json.ts';
import type { ManifestObject } from './ledger.ts';

/** One object (a file, an S3 object). `version` changes whenever its content may have. */
export interface ObjectInfo {
  readonly key: string;
  readonly bytes: number;
  /** Opaque: size and time of a file, the ETag of an S3 object. Equal exactly if the content is to be taken as the same. */
  readonly version: Json;
}

/** The two objects that one output consists of. */
export type ObjectRole = ManifestObject['role'];

/**
 * Where objects are kept. Files and S3 share everything above this interface: decoding, batches, ledger, manifest,
 * compression, resume.
 */
export interface ObjectStore extends AsyncDisposable {
  /**
   * Whether `read` keeps to the version of an object that `list` gave first, and throws INTAKE_CHANGED when that is gone. Left out: the
   * caller looks whether the version is still the same.
   */
  readonly pinsReads?: true;
  /** For messages: how the store names an object (a path, an s3:// URL), never with a secret in it. */
  name(key: string): string;
  /** The objects that a pattern, a folder or a name stands for, in the order of their keys. None: INTAKE_NOT_FOUND. */
  list(pattern: string, signal: AbortSignal): Promise<readonly ObjectInfo[]>;
  /**
   * The bytes of an object from `offset` on, in chunks of any size. A chunk is valid until the next one is asked for:
   * stores may use one buffer again and again.
   */
  read(key: string, offset: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /**
   * So many bytes of an object from `from` on, all of them within it, in memory of the caller's own; several may be asked for at once.
   * Left out: the caller takes them from `read`, and stops it when it has enough.
   */
  range?(key: string, from: number, length: number, signal: AbortSignal): Promise<Uint8Array>;
  /** Takes the output `key` for writing. Errors as of `Sink.open`. @param overwrite replace what is there. */
  stage(key: string, options: { readonly overwrite: boolean }, signal: AbortSignal): Promise<StagedOutput>;
  /**
   * Whether `stage` would take the output `key` now: rejects as it would (a finished output, one that is being written, no place, no right to
   * write, no space), in the same words. Takes nothing, leaves nothing behind, and touches no interrupted run. That objects can be read
   * is seen by `list` and the first chunk of `read`.
   */
  checkOutput?(key: string, options: { readonly overwrite: boolean }, signal: AbortSignal): Promise<void>;
}

/** What a commit recorded: the caller's note, and how many bytes of each object are durable. */
export interface StagedState {
  readonly note: Json;
  readonly bytes: Readonly<Record<ObjectRole, number>>;
}

/**
 * An output under way: rows and dead letters that grow, invisible under their own names until published. One
 * writer, one call at a time.
 */
export interface StagedOutput extends AsyncDisposable {
  /** What is durable from an interrupted run; null for a fresh start. */
  readonly found: StagedState | null;
  /** What each object will be called once published, relative to the manifest. */
  readonly names: Readonly<Record<ObjectRole, string>>;
  /**
   * Whether bytes may be out of reach until they are published, once they fill a MiB: nobody can read the parts of an upload before it is
   * complete. The store itself throws LEDGER_BROKEN when such bytes were changed.
   */
  readonly sealed: boolean;
  /**
   * The durable bytes of an object from `from` on, to check them and to continue a checksum. `from` is 0, or where the store is sealed the
   * last multiple of 1 MiB that they reach.
   */
  reread(role: ObjectRole, from: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Appends; resolves when the bytes are accepted and `bytes` may be written to again. */
  append(role: ObjectRole, bytes: Uint8Array, signal: AbortSignal): Promise<void>;
  /** Makes all bytes appended so far and the note durable in one step. */
  commit(note: Json, signal: AbortSignal): Promise<void>;
  /**
   * Makes the output visible with its manifest, all or nothing; an object without bytes is not written when its role is
   * `deadLetters`. A crash within is completed by the next `stage` of the same output.
   */
  publish(manifest: Json, signal: AbortSignal): Promise<void>;
  /** Forgets the found and the appended: the output starts at byte 0 again. */
  restart(signal: AbortSignal): Promise<void>;
  /** Removes everything staged. */
  discard(): Promise<void>;
  /** Gives the output free; what was committed stays. */
  close(): Promise<void>;
}

/** Finds outputs again that were written to a store, to check them or to go on behind them. */
export interface OutputLookup {
  /** What stands at the output `key`; reads little and changes nothing. */
  look(key: string, signal: AbortSignal): Promise<OutputState>;
}

/** Writes and removes whole objects, for outputs of many of them. Errors as of an output. */
export interface WholeObjects {
  /** Makes the folder that objects will be in, where a store has such. */
  makeFolder?(prefix: string, signal: AbortSignal): Promise<void>;
  /** Makes an object of these bytes, or replaces it: seen whole or not at all, and durable when it returns. Folders are made. */
  put(key: string, bytes: Uint8Array, signal: AbortSignal): Promise<void>;
  /** Removes an object for good, and what an interrupted `put` left of it; fine when there is none. */
  remove(key: string, signal: AbortSignal): Promise<void>;
}

/** A run that has not finished its output. */
export interface OutputRun {
  readonly state: 'open' | 'publishing' | 'broken';
  readonly says: string;
  /** Whether anything of it is durable: a continuation goes on behind that. */
  readonly isDurable: boolean;
  /** Its dead letters, as far as they count; null where they cannot be read before the end, or are none. */
  readonly deadLetters: { readonly key: string; readonly bytes: number } | null;
}

/** What stands at an output. */
export interface OutputState {
  /** Whether there is something under its own name. */
  readonly isThere: boolean;
  /**
   * What a run has left there that writes it or was interrupted, in a sentence that says what to do; null when there is nothing. `publishing`:
   * whoever takes the output completes it. `broken`: nobody can tell.
   */
  readonly run: OutputRun | null;
  /** The key of its manifest. */
  readonly manifest: string;
  /** The key of an object that the manifest names. */
  keyOf(name: string): string;
}
