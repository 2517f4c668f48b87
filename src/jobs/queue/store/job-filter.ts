import type { SqlDialect } from '../../../../connectors/sql/dialect.ts';
import type { SqlValue } from '../../../../connectors/sql/driver.ts';
import type { JobStatus } from '../job-record.ts';

/** Which jobs a list has; what is left out does not matter. */
export interface JobFilter {
  readonly offset: number;
  readonly limit: number;
  readonly status?: readonly JobStatus[] | undefined;
  /** With a `-` before them: all but these. */
  readonly source?: readonly string[] | undefined;
  readonly intakeType?: readonly string[] | undefined;
  readonly outputType?: readonly string[] | undefined;
  readonly deploymentId?: string | undefined;
  readonly modelId?: string | undefined;
  readonly jobId?: string | undefined;
  readonly definitionId?: string | undefined;
  /** Of the prediction server. */
  readonly hostname?: string | undefined;
  /** Created at this time (milliseconds) or later. */
  readonly from?: number | undefined;
  /** Created before it. */
  readonly until?: number | undefined;
  /** Only jobs of this user; null: of all. */
  readonly owner: string | null;
  readonly orderBy: 'created' | '-created' | 'status' | '-status';
}

/** A condition with its parameters. */
export interface JobCondition {
  readonly where: string;
  readonly parameters: readonly SqlValue[];
}

/** The condition of a filter, in a dialect. */
export function conditionOf(filter: JobFilter, dialect: SqlDialect): JobCondition {
  const parameters: SqlValue[] = [];
  const parts = ['hidden IS NULL'];
  const place = (value: SqlValue): string => dialect.parameter(parameters.push(value));
  const oneOf = (column: string, values: readonly string[] | undefined, not = ''): void => {
    if (values === undefined || values.length === 0) return;
    parts.push(`${column} ${not}IN (${values.map(place).join(', ')})`);
  };
  const alike = (column: string, value: string | null | undefined): void => {
    if (value !== undefined && value !== null) parts.push(`${column} = ${place(value)}`);
  };
  oneOf('status', filter.status);
  oneOf(
    'source',
    filter.source?.filter((name) => !name.startsWith('-')),
  );
  oneOf(
    'source',
    filter.source?.filter((name) => name.startsWith('-')).map((name) => name.slice(1)),
    'NOT ',
  );
  oneOf('intake_type', filter.intakeType?.map(adapterName));
  oneOf('output_type', filter.outputType?.map(adapterName));
  alike('deployment', filter.deploymentId);
  alike('model', filter.modelId);
  alike('id', filter.jobId);
  alike('definition', filter.definitionId);
  alike('owner', filter.owner);
  if (filter.hostname !== undefined) {
    const { hostname } = filter;
    const forms = [hostname, `http://${hostname}`, `https://${hostname}`];
    oneOf('server', forms);
  }
  if (filter.from !== undefined) parts.push(`created >= ${place(filter.from)}`);
  if (filter.until !== undefined) parts.push(`created < ${place(filter.until)}`);
  return { where: parts.join(' AND '), parameters };
}

/** Jobs made at the same moment come in the order of their IDs, so that pages do not overlap. */
export function orderOf({ orderBy }: Pick<JobFilter, 'orderBy'>): string {
  const direction = orderBy.startsWith('-') ? 'DESC' : 'ASC';
  const column = orderBy.replace('-', '');
  return column === 'status' ? `status ${direction}, created DESC, id DESC` : `created ${direction}, id ${direction}`;
}

/** DataRobot writes it in two ways. */
function adapterName(name: string): string {
  return name === 'local_file' ? 'localFile' : name;
}
