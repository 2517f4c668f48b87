import type { StageTimes } from './job-run.ts';

const meaning: Readonly<Record<string, string>> = {
  'ingest input': 'reading the intake',
  'score server': 'the prediction server',
  'score work': 'joining rows with their scores',
  'deliver output': 'writing the output',
};

/**
 * What a run spent most of its time on, for people: the stage that worked while the others waited for it. Waiting for a
 * neighbour (an empty or a full link) is no work. The score stage's time is that of all its partitions, so it is divided.
 */
export function bottleneck(stages: readonly StageTimes[], partitions: number): string {
  const busy = stages.flatMap(({ stage, milliseconds }) => {
    const share = stage === 'score' ? partitions : 1;
    return Object.entries(milliseconds).map(([activity, ms]) => ({ name: `${stage} ${activity}`, ms: ms / share }));
  });
  const slowest = busy.filter(({ name }) => name in meaning).reduce((most, next) => (next.ms > most.ms ? next : most));
  return `${meaning[slowest.name]} (${(slowest.ms / 1000).toFixed(1)} s)`;
}
