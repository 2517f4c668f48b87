import { Worker } from 'node:worker_threads';
import { SluiceError } from '../../../core/error.ts';
import type { ErrorCode } from '../../../core/error-table.ts';
import type { AccuracyAnswers, AccuracyRequest } from './accuracy-requests.ts';

/** What the thread says to one request, in their order. */
export type AccuracyReply =
  | { readonly answer: AccuracyAnswers[AccuracyRequest['what']] }
  | { readonly failure: { readonly code: ErrorCode | null; readonly message: string } };

/** The sources run as they are, and built ones as JavaScript. */
const MODULE = new URL(`./accuracy-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);

interface Waiting {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: Error) => void;
}

interface Thread {
  readonly worker: Worker;
  /** For its answers, in the order of the requests. */
  readonly waiting: Waiting[];
}

/** A thread that works in the log of predictions; begun with the first request, and begun anew if it ends by itself. */
export class AccuracyThread implements AsyncDisposable {
  readonly #path: string;
  #thread: Thread | null = null;

  /** @param path of the log. */
  constructor(path: string) {
    this.#path = path;
  }

  async ask<R extends AccuracyRequest>(request: R): Promise<AccuracyAnswers[R['what']]> {
    const { worker, waiting } = (this.#thread ??= this.#start());
    const { promise, resolve, reject } = Promise.withResolvers<AccuracyAnswers[R['what']]>();
    waiting.push({ resolve, reject });
    worker.postMessage(request, []);
    return await promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const thread = this.#thread;
    this.#thread = null;
    await thread?.worker.terminate();
  }

  #start(): Thread {
    const thread: Thread = { worker: new Worker(MODULE, { workerData: this.#path }), waiting: [] };
    const { worker, waiting } = thread;
    // A server that has nothing else to do may end.
    worker.unref();
    worker.on('message', (reply: AccuracyReply) => {
      const asked = waiting.shift();
      if ('answer' in reply) return asked?.resolve(reply.answer as never);
      const { code, message } = reply.failure;
      asked?.reject(code === null ? new Error(message) : new SluiceError(code, message));
    });
    const ended = (error: Error): void => {
      if (this.#thread === thread) this.#thread = null;
      for (const { reject } of waiting.splice(0)) reject(error);
    };
    worker.on('error', ended);
    worker.on('exit', () => ended(new Error('the thread of the log of predictions has ended')));
    return thread;
  }
}
