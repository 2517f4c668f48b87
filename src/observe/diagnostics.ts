import { channel } from 'node:diagnostics_channel';
import type { FinishedRequest } from '../core/finished-request.ts';

/** A batch that was scored, with all its retries. */
export interface ScoredBatchEvent {
  /** The deployment's ID. */
  readonly deployment: string;
  /** The split that the batch is from, and the index of its first row there. */
  readonly split: string;
  readonly firstRow: number;
  readonly rows: number;
  readonly failed: number;
  readonly latencyMs: number;
}

/** A request to a prediction server that has ended. */
export interface FinishedRequestEvent extends FinishedRequest {
  readonly deployment: string;
}

/** A job of this process that has ended, well or not. */
export interface FinishedJobEvent {
  readonly deployment: string;
  readonly state: 'done' | 'failed' | 'interrupted';
  readonly rows: number;
  readonly elapsedMs: number;
}

const batches = channel('sluice:batch:scored');
const requests = channel('sluice:request:finished');
const jobs = channel('sluice:job:finished');

/** Channels of `node:diagnostics_channel` that anybody in the process may subscribe to. Nothing is made while nobody does. */
export const diagnostics = {
  batchScored: (event: () => ScoredBatchEvent): void => {
    if (batches.hasSubscribers) batches.publish(event());
  },
  requestFinished: (event: () => FinishedRequestEvent): void => {
    if (requests.hasSubscribers) requests.publish(event());
  },
  jobFinished: (event: () => FinishedJobEvent): void => {
    if (jobs.hasSubscribers) jobs.publish(event());
  },
};
