import * as z from 'zod';
import { httpOutput } from '../../description/http-fields.ts';
import { s3Output } from '../../description/s3-fields.ts';
import { jdbcOutput } from '../../description/sql-fields.ts';
import { without } from './without.ts';

const localFile = z.strictObject({
  type: z.literal('localFile').default('localFile').describe('Kind of output: the rows are downloaded.'),
});

const s3 = z.strictObject(without(s3Output.shape, 'roll', 'connections'));
const http = z.strictObject(without(httpOutput.in.shape, 'caFile', 'spool'));
const jdbc = z.strictObject(without(jdbcOutput.shape, 'jdbcUrl', 'jars', 'driverClass', 'roll', 'chunkBytes'));

/** `outputSettings` over the API: no file, address or driver of the server's own machine. */
export const outputFields = z
  .discriminatedUnion('type', [localFile, s3, jdbc, http])
  .prefault({ type: 'localFile' })
  .describe('Where scored rows are written to.');
