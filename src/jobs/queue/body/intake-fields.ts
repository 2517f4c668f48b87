import * as z from 'zod';
import { datasetIntake } from '../../description/dataset-fields.ts';
import { httpIntake } from '../../description/http-fields.ts';
import { s3Intake } from '../../description/s3-fields.ts';
import { jdbcIntake } from '../../description/sql-fields.ts';
import { without } from './without.ts';

const localFile = z.strictObject({
  type: z.literal('localFile').default('localFile').describe('Kind of intake: the rows are uploaded.'),
  multipart: z
    .boolean()
    .default(false)
    .describe('The upload comes in parts, each with a header, ended by `finalizeMultipart`.'),
  async: z
    .boolean()
    .default(true)
    .describe('The job enters the queue when the upload begins. False: when all of it is there.'),
});

const s3 = z.strictObject(without(s3Intake.shape, 'rangeBytes', 'aheadBytes', 'connections'));
const http = z.strictObject(without(httpIntake.in.shape, 'caFile'));
const jdbc = z.strictObject(
  without(jdbcIntake.shape, 'jdbcUrl', 'jars', 'driverClass', 'rangeRows', 'aheadBytes', 'connections'),
);
const dataset = z.strictObject(without(datasetIntake.in.shape, 'catalogUrl', 'token', 'allowedHosts'));

/** `intakeSettings` over the API: no file, address or driver of the server's own machine. */
export const intakeFields = z
  .discriminatedUnion('type', [localFile, s3, jdbc, http, dataset])
  .prefault({ type: 'localFile' })
  .describe('Where rows are read from.');
