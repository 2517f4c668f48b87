import { parentPort, workerData } from 'node:worker_threads';
import { findSluiceError, messageOf } from '../../../core/error.ts';
import { openLogDatabase } from '../../../monitoring/prediction-log.ts';
import { type AccuracyRequest, answer } from './accuracy-requests.ts';
import type { AccuracyReply } from './accuracy-thread.ts';

/** The thread that works in the log of predictions: its file is `workerData`, each message is a request. It opens the file anew for each. */
const path = workerData as string;
const port = parentPort!;
/** One after the other. */
let last: Promise<void> = Promise.resolve();

port.on('message', (request: AccuracyRequest) => {
  last = last.then(async () => port.postMessage(await replyTo(request)));
});

async function replyTo(request: AccuracyRequest): Promise<AccuracyReply> {
  try {
    const database = await openLogDatabase(path);
    try {
      return { answer: answer(database, request) };
    } finally {
      database.close();
    }
  } catch (error) {
    return { failure: { code: findSluiceError(error)?.code ?? null, message: messageOf(error) } };
  }
}
