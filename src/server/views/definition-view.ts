import type { DefinitionRecord } from '../../jobs/definitions/definition-record.ts';
import { jobSpecOf } from './job-spec.ts';
import { shownTime } from './shown-time.ts';

/** A definition as DataRobot's clients read it: what is not there is null, never an empty object. */
export function definitionView(record: DefinitionRecord): object {
  const { lastStarted } = record;
  return {
    id: record.id,
    name: record.name,
    enabled: record.enabled,
    schedule: record.schedule,
    batchPredictionJob: jobSpecOf(record),
    created: shownTime(record.created),
    updated: shownTime(record.updated),
    createdBy: record.createdBy,
    updatedBy: record.updatedBy,
    lastFailedRunTime: shownTime(record.lastFailed),
    lastSuccessfulRunTime: shownTime(record.lastSuccessful),
    lastScheduledRunTime: shownTime(record.lastScheduled),
    nextScheduledRunTime: shownTime(record.nextRun),
    lastStartedJobStatus: lastStarted?.status ?? null,
    lastStartedJobTime: shownTime(lastStarted?.at ?? null),
  };
}
