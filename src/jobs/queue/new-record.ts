import type { Json } from '../../core/json.ts';
import type { ModelIdentity } from '../../core/model.ts';
import { EMPTY_TALLY } from '../../core/scored-batch.ts';
import type { FilledBody, PredictionBody } from './body/prediction-body.ts';
import { logTime } from './job-log.ts';
import type { JobOwner, JobRecord } from './job-record.ts';

interface NewJob {
  readonly id: string;
  readonly owner: JobOwner;
  /** As it came, checked; and with its defaults. */
  readonly body: PredictionBody;
  readonly filled: FilledBody;
  /** Base address of the prediction server. */
  readonly server: string;
  readonly model: ModelIdentity | null;
  readonly monitoringBatchId: string | null;
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly origin: Pick<JobRecord, 'source'> & {
    readonly address: string;
    readonly definition?: JobRecord['definition'];
  };
}

/** The record of a job that is just made: it waits for its upload, or for its turn. */
export function newRecord(job: NewJob): JobRecord {
  const { id, owner, body, filled, server, model, monitoringBatchId, created, origin } = job;
  const isUpload = filled.intakeSettings.type === 'localFile';
  return {
    id,
    revision: 1,
    status: 'INITIALIZING',
    owner,
    source: origin.source,
    created,
    hidden: null,
    body: body as Json,
    deploymentId: filled.deploymentId,
    server,
    priority: filled.priority,
    intakeType: filled.intakeSettings.type,
    outputType: filled.outputSettings.type,
    model,
    upload: isUpload ? 'waiting' : 'none',
    queuedAt: isUpload ? null : created,
    claim: null,
    startedAt: null,
    endedAt: null,
    elapsedMs: 0,
    attempts: 0,
    tally: EMPTY_TALLY,
    intakeBytes: null,
    intakeTotal: null,
    outputBytes: null,
    logs: [`Job created by ${owner.username} from ${origin.address} at ${logTime(created)}`],
    failure: null,
    resultsDeleted: false,
    monitoringBatchId,
    definition: origin.definition ?? null,
  };
}
