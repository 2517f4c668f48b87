import { utcTime } from '../../core/utc-time.ts';
import type { DatasetRegistry } from '../../jobs/catalog/dataset-registry.ts';
import type { AccuracyLog } from '../../jobs/monitoring/kept/accuracy-log.ts';
import { readActuals } from '../../jobs/monitoring/read-actuals.ts';
import type { JobService } from '../../jobs/queue/job-service.ts';
import { ASSOCIATION_CHARACTERS } from '../../monitoring/associations.ts';
import { type ApiRoute, apiRoute } from '../api-route.ts';
import { assertKeepsPredictions } from '../keeps-predictions.ts';
import { actualsBody, actualsDatasetBody } from '../schemas/deployment-bodies.ts';
import { sendDone } from './status.ts';

/** What came true of the rows of a deployment, by association ID; a later actual replaces an earlier one. */
export function actualsRoutes(service: JobService, log: AccuracyLog, registry: DatasetRegistry): readonly ApiRoute[] {
  return [
    apiRoute({
      method: 'POST',
      path: '/deployments/:id/actuals/fromJSON/',
      summary: 'Takes what came true, by association ID; a later one replaces an earlier one.',
      body: actualsBody,
      replies: {
        202: 'All of them are kept; Location is a status address.',
        404: 'There is no such deployment.',
        422: 'The deployment keeps no predictions, or an actual is wrong; none was kept.',
      },
      handle: async (call) => {
        const { id } = assertKeepsPredictions(service.configuration, call.params.id);
        const { data, keepActualsWithoutPredictions } = call.body;
        const actuals = data.map(({ associationId, actualValue, timestamp }) => ({
          association: associationId.slice(0, ASSOCIATION_CHARACTERS),
          value: String(actualValue),
          observed: timestamp === undefined || timestamp === null ? null : utcTime(timestamp),
        }));
        await log.keep(id, actuals, !keepActualsWithoutPredictions);
        return sendDone(call, { what: 'deployment', id });
      },
    }),
    apiRoute({
      method: 'POST',
      path: '/deployments/:id/actuals/fromDataset/',
      summary: 'The same from the rows of a dataset; rows without an ID or a value are passed over.',
      body: actualsDatasetBody,
      replies: {
        202: 'All of them are kept; Location is a status address.',
        404: 'There is no such deployment, or no such dataset.',
        422: 'The deployment keeps no predictions, or the dataset has no such column, or a time is none; rows before it are kept.',
      },
      handle: async (call) => {
        const { id } = assertKeepsPredictions(service.configuration, call.params.id);
        const { body } = call;
        const version = await registry.version(body.datasetId, body.datasetVersionId, call.caller);
        const columns = {
          associationId: body.associationIdColumn,
          actualValue: body.actualValueColumn,
          timestamp: body.timestampColumn,
        };
        const rows = { source: registry.rows(version), description: `dataset ${version.name}` };
        // Who has asked may leave: what is read is kept, as it may come again.
        for await (const actuals of readActuals(rows, columns, new AbortController().signal))
          await log.keep(id, actuals, !body.keepActualsWithoutPredictions);
        return sendDone(call, { what: 'deployment', id });
      },
    }),
  ];
}
