import type { Frame } from './frames.ts';

/** What went wrong in the bridge, as it says it. */
export interface BridgeFault {
  readonly message: string;
  /** The class of the Java exception. */
  readonly class: string;
  readonly sqlState: string | null;
  readonly vendorCode: number;
  /** A row alone is to blame: a value that does not fit, or a constraint. */
  readonly ofRow: boolean;
  /** Which of the rows of a load; null where nobody knows. */
  readonly row: number | null;
}

/** An error of JDBC. Looked at by `jdbcFault`, which makes words of it. */
export class BridgeError extends Error {
  readonly fault: BridgeFault;

  constructor(fault: BridgeFault) {
    super(fault.message);
    this.name = 'BridgeError';
    this.fault = fault;
  }
}

interface Line {
  send(said: Frame['said'], data: Uint8Array | null): Promise<void>;
  left(): void;
}

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

interface Reply {
  readonly said: Frame['said'];
  readonly data: Uint8Array;
}

/** How long a connection may take to roll back and end. */
const PATIENCE_MS = 3000;

/** One connection of a bridge: requests are answered in their order, and several may be under way. */
export class BridgeSession {
  readonly #line: Line;
  readonly #waiting: Waiting[] = [];
  #broken: Error | null = null;
  #ended: (() => void) | null = null;

  constructor(line: Line) {
    this.#line = line;
  }

  /**
   * Asks, and gives the answer. When the signal aborts it rejects at once, the statement under way is cancelled, and the session
   * can only be closed.
   * @param data belongs to the caller again when the promise settles.
   * @throws BridgeError for what JDBC says, else the error that broke the process.
   */
  async ask(
    op: string,
    fields: Frame['said'],
    signal: AbortSignal | null,
    data: Uint8Array | null = null,
  ): Promise<Reply> {
    signal?.throwIfAborted();
    if (this.#broken !== null) throw this.#broken;
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    // Who aborts no longer looks at what comes.
    promise.catch(() => undefined);
    this.#waiting.push({ resolve, reject });
    const stop = (): void => {
      const reason = signal!.reason as Error;
      this.#broken ??= reason;
      reject(reason);
      this.#line.send({ op: 'cancel' }, null).catch(() => undefined);
    };
    signal?.addEventListener('abort', stop, { once: true });
    try {
      await Promise.race([this.#line.send({ op, ...fields }, data), promise]);
      return await promise;
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  /** An answer has come. */
  take(said: Frame['said'], data: Uint8Array): void {
    if (said.closed === true) return this.#ended?.();
    const next = this.#waiting.shift();
    const fault = said.error as BridgeFault | undefined;
    if (fault === undefined) next?.resolve({ said, data });
    else next?.reject(new BridgeError(fault));
  }

  /** No answer will come any more. */
  fail(error: Error): void {
    this.#broken ??= error;
    this.#ended?.();
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  /** Rolls back what is open and gives the connection back; resolves also when nobody is there to do it, or it takes too long. */
  async close(): Promise<void> {
    this.#broken ??= new Error('the session is closed');
    this.fail(this.#broken);
    let impatient: NodeJS.Timeout | undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ended = resolve;
    try {
      await this.#line.send({ op: 'close' }, null);
      impatient = setTimeout(resolve, PATIENCE_MS);
      await promise;
    } catch {
      // What was not committed is rolled back with the connection.
    } finally {
      clearTimeout(impatient);
      this.#line.left();
    }
  }

  /** Ends it at once: what is under way is cancelled and rejects. */
  destroy(reason: Error): void {
    this.#broken ??= reason;
    this.fail(reason);
    this.#line.send({ op: 'cancel' }, null).catch(() => undefined);
    void this.close();
  }
}
