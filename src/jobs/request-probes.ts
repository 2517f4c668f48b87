import type { ScorerStack } from '../scoring/scorer-stack.ts';
import type { ProgressProbes } from './progress-tracker.ts';

/** What a run shows of its requests while it goes on. */
export function requestProbes(counters: ScorerStack['counters']): Omit<ProgressProbes, 'bytesRead' | 'topics'> {
  return {
    requests: () => counters.requests,
    retries: () => counters.retries,
    inFlight: () => counters.inFlight,
    limit: () => counters.limit,
    latency: () => counters.latency(),
    recentLatency: () => counters.recentLatency(),
    explanations: () => counters.explanations,
    service: () => counters.service(),
  };
}
