import type { DefinitionRecord } from '../../jobs/definitions/definition-record.ts';
import { jobSpecOf } from './job-spec.ts';

/** A definition as DataRobot's clients read it: what is not there is null, never an empty object. */
export function definitionView(record: DefinitionRecord): object {
  const { lastStarted } = record;
  return {
    id: record.id,
    name: record.name,
    enabled: record.enabled,
    schedule: record.schedule,
    batchPredictionJob: jobSpecOf(record),
    created: time(record.created),
    updated: time(record.updated),
    createdBy: record.createdBy,
    updatedBy: record.updatedBy,
    lastFailedRunTime: time(record.lastFailed),
    lastSuccessfulRunTime: time(record.lastSuccessful),
    lastScheduledRunTime: time(record.lastScheduled),
    nextScheduledRunTime: time(record.nextRun),
    lastStartedJobStatus: lastStarted?.status ?? null,
    lastStartedJobTime: time(lastStarted?.at ?? null),
  };
}

function time(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
