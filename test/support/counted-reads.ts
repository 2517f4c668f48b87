import { open } from 'node:fs/promises';

type Read = (...args: unknown[]) => Promise<{ readonly bytesRead: number }>;

/** Counts the bytes that this process reads from files by handles, from `start` to `stop`. */
export class CountedReads {
  bytes = 0;
  readonly #stop: () => void;

  private constructor(handles: { read: Read }) {
    const original = handles.read;
    const count = (bytes: number): void => {
      this.bytes += bytes;
    };
    handles.read = async function (this: unknown, ...args: unknown[]) {
      const result = await original.apply(this, args);
      count(result.bytesRead);
      return result;
    };
    this.#stop = () => {
      handles.read = original;
    };
  }

  static async start(): Promise<CountedReads> {
    await using self = await open(import.meta.filename, 'r');
    return new CountedReads(Object.getPrototypeOf(self) as { read: Read });
  }

  stop(): void {
    this.#stop();
  }
}
