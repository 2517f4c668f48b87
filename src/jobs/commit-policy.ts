import type { CommitPolicy } from '../stages/delivery.ts';
import type { JobDescription } from './description/parse-job.ts';

const USUAL: CommitPolicy = { everyMs: 1_000, everyBytes: 64_000_000 };
/**
 * In a store a commit waits for the parts on their way and sends what is too short for a part as an object of its own, which is sent again as
 * a part. At the usual pace that took a fifth of the throughput and more (docs/decisions/2026-11-28-tree-hash-of-uploads.md).
 */
const STORE: CommitPolicy = { everyMs: 10_000, everyBytes: 1_000_000_000 };

/** How often an output commits unless told otherwise: what a crash costs, beside what a commit costs. */
export function commitPolicyOf({ outputSettings: output }: JobDescription): CommitPolicy {
  return output.type === 's3' ? STORE : USUAL;
}
