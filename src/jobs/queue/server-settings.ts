import * as z from 'zod';
import { scheduleSettings } from '../definitions/schedule-settings.ts';

const HOUR = 3600;

/** `server` in a configuration: how `sluice serve` works. */
export const serverFields = z
  .strictObject({
    host: z
      .string()
      .min(1)
      .default('127.0.0.1')
      .describe(
        'The address to listen on. Without tokens it must be one of this machine alone (127.0.0.1, ::1, localhost).',
      ),
    port: z.int().min(0).max(65_535).default(8080).describe('The port to listen on; 0 takes a free one.'),
    store: z
      .string()
      .min(1)
      .nullable()
      .default(null)
      .describe(
        'Where jobs are kept: `postgres://user:password@host:5432/database`, which several servers may share (with their state folder). ' +
          'Null: `server.sqlite` in the state folder.',
      ),
    tokens: z
      .array(
        z.strictObject({
          token: z.string().min(8).describe('The token itself. Best written as a variable.'),
          user: z.string().min(1).max(200).default('user').describe('Whose it is: jobs belong to their user.'),
          role: z
            .enum(['read', 'run', 'admin'])
            .default('run')
            .describe('`read` looks at his jobs, `run` makes them too, `admin` sees those of all.'),
        }),
      )
      .default([])
      .describe(
        'Who may ask, beside those with a token of `sluice token`. Without any token everybody on this machine is one user.',
      ),
    tls: z
      .strictObject({
        certFile: z.string().min(1).describe('The certificate with those of its authorities (PEM).'),
        keyFile: z.string().min(1).describe('Its key (PEM).'),
      })
      .nullable()
      .default(null)
      .describe('Serves https alone. The files are read at the start. Null: http, for this machine or behind a proxy.'),
    behindProxy: z
      .boolean()
      .default(false)
      .describe(
        'Takes the address that clients have reached, and theirs, from `X-Forwarded-Host`, `-Proto` and `-For`. Only where a proxy sets them: others could lie.',
      ),
    allowTargets: z
      .array(z.string())
      .default([])
      .describe(
        'What jobs may connect to beside the open network: `host`, `host:port` or a range such as `10.1.0.0/16`. ' +
          'Deployments and data stores of the configuration may be anywhere.',
      ),
    jobsPerServer: z
      .int()
      .min(1)
      .max(1_000)
      .default(1)
      .describe(
        'Jobs at once for one prediction server; the others wait. Different servers never wait for each other.',
      ),
    retentionHours: z
      .number()
      .min(0)
      .max(87_600)
      .default(48)
      .describe('How long uploads and results are kept after the end of their job.'),
    monitoringDays: z
      .number()
      .min(1)
      .max(36_500)
      .default(365)
      .describe(
        'How long statistics of rows and requests are kept for drift and service statistics, and batches of monitoring.',
      ),
    runtimeLimitHours: z
      .number()
      .min(0.0001)
      .max(87_600)
      .default(4)
      .describe('How long a job may work before it is aborted; waiting does not count.'),
    uploadTimeoutHours: z
      .number()
      .min(0.0001)
      .max(8_760)
      .default(24)
      .describe('How long a job that was not begun waits for its upload before it is aborted.'),
    uploadIdleSeconds: z
      .number()
      .min(0.1)
      .max(HOUR)
      .default(300)
      .describe('How long an upload under way may be silent before its connection is closed; it can be continued.'),
    uploadResumeSeconds: z
      .number()
      .min(0.1)
      .max(24 * HOUR)
      .default(600)
      .describe(
        'How long a job that is scored already waits for the rest of an upload that broke off, before it is aborted.',
      ),
    drainSeconds: z
      .number()
      .min(0)
      .max(HOUR)
      .default(20)
      .describe('How long a stop waits for requests under way; rows that are not durable then are scored again later.'),
    schedule: scheduleSettings,
    limits: z
      .strictObject({
        jobsPerUser: z.int().min(1).default(1_000).describe('Jobs of one user that have not ended.'),
        monitoringBatchesPerDay: z
          .int()
          .min(0)
          .default(100)
          .describe('Batches of monitoring of one deployment that may be made in one day, UTC.'),
        uploads: z.int().min(1).default(100).describe('Uploads at once.'),
        uploadsPerUser: z.int().min(1).default(20).describe('Of those, of one user.'),
        uploadBytesPerMinute: z
          .int()
          .min(0)
          .default(1_000)
          .describe(
            'What an upload must bring in every minute in which it is waited for; slower ones are closed, and can be continued.',
          ),
        bodyBytes: z.int().min(1_000).default(1_000_000).describe('Bytes of a JSON body.'),
        bodySeconds: z.number().min(0.1).default(30).describe('How long a JSON body may take to come.'),
        headerBytes: z.int().min(1_000).default(16_384).describe('Bytes of the head of a request.'),
        headerSeconds: z.number().min(0.1).default(15).describe('How long the head of a request may take to come.'),
        connections: z.int().min(1).default(10_000).describe('Connections at once.'),
        connectionsPerAddress: z
          .int()
          .min(1)
          .default(1_000)
          .describe('Of those, from one address (of IPv6, from one /64). A proxy is one address.'),
        uploadBytes: z
          .int()
          .min(1)
          .nullable()
          .default(null)
          .describe('Bytes of one upload. Null: what the disk holds.'),
        recordBytes: z
          .int()
          .min(1_000)
          .default(16_777_216)
          .describe('Bytes of one record; `csvSettings.maxRecordBytes` of a job may be less.'),
        columns: z
          .int()
          .min(1)
          .default(20_000)
          .describe('Columns of an intake; `csvSettings.maxColumns` of a job may be less.'),
        inFlightBytes: z
          .int()
          .min(1_000_000)
          .default(268_435_456)
          .describe(
            'Bytes of the requests of one job that are under way at once: a job with large ones has fewer than its `numConcurrent`.',
          ),
        intakeBytes: z
          .int()
          .min(1)
          .nullable()
          .default(null)
          .describe(
            'Bytes of the rows of one job, unpacked and as CSV. Null: no limit but the time that a job may work.',
          ),
      })
      .prefault({})
      .describe('What one may ask for.'),
  })
  .prefault({})
  .describe('How `sluice serve` works.');

/** How `sluice serve` works, with all defaults. */
export type ServerSettings = z.output<typeof serverFields>;
