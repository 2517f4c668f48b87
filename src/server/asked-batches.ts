import type { JobService } from '../jobs/queue/job-service.ts';
import type { ApiCall } from './api-route.ts';

/** The batches of monitoring that a request names. */
export interface AskedBatches {
  readonly ids: readonly string[];
  /** When the first of them was made: their rows came later. Milliseconds since 1970. */
  readonly since: number;
}

/** Null: it names none. Throws JOB_UNKNOWN (404) where one of them is no batch of the deployment, or not the caller's. */
export async function askedBatches(
  service: JobService,
  deploymentId: string,
  batchIds: readonly string[] | undefined,
  { caller }: Pick<ApiCall, 'caller'>,
): Promise<AskedBatches | null> {
  if (batchIds === undefined) return null;
  const batches = await service.batches.these(deploymentId, batchIds, caller);
  return { ids: batches.map(({ id }) => id), since: Math.min(...batches.map(({ created }) => created)) };
}

/** What a reply says of them. */
export function batchesView(batches: AskedBatches | null): { readonly batchId?: readonly string[] } {
  return batches === null ? {} : { batchId: batches.ids };
}
