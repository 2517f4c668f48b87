import type { MemoryProcess } from './memory-process.ts';

/** What can be made to fail. `transaction` is a commit of a transactional producer, `commit` one of a group's offset. */
export type MemoryOperation =
  | 'topics'
  | 'producer'
  | 'transactionalProducer'
  | 'consumer'
  | 'send'
  | 'transaction'
  | 'poll'
  | 'commit';

interface Fault {
  readonly operation: MemoryOperation;
  readonly error: Error;
  readonly of: MemoryProcess | null;
  readonly after: boolean;
}

/** Errors that wait for the next operation of their kind. */
export class Faults {
  readonly #waiting: Fault[] = [];

  add(fault: Fault): void {
    this.#waiting.push(fault);
  }

  /** Throws if one waits for this. @param after whether the operation has had its effect. */
  check(operation: MemoryOperation, of: MemoryProcess, after = false): void {
    const at = this.#waiting.findIndex(
      (fault) => fault.operation === operation && fault.after === after && (fault.of === null || fault.of === of),
    );
    if (at >= 0) throw this.#waiting.splice(at, 1)[0]!.error;
  }
}
