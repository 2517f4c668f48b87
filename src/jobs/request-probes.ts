import type { ScorerStack } from '../scoring/scorer-stack.ts';
import type { ProgressProbes } from './progress-tracker.ts';

/** What a run shows of its requests while it goes on. */
export function requestProbes(
  counters: ScorerStack['counters'],
): Pick<ProgressProbes, 'own' | 'explanations' | 'service'> {
  return {
    own: () => {
      const { inFlight, limit, requests, retries } = counters;
      const [latency, recentLatency] = [counters.latency(), counters.recent().quantiles()];
      return { inFlight, limit, requests, retries, latency, recentLatency };
    },
    explanations: () => counters.explanations,
    service: () => counters.service(),
  };
}
