import * as z from 'zod';

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
      .describe('Who may ask. Empty: everybody who reaches the port is one user.'),
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
    limits: z
      .strictObject({
        jobsPerUser: z.int().min(1).default(1_000).describe('Jobs of one user that have not ended.'),
        uploads: z.int().min(1).default(100).describe('Uploads at once.'),
        bodyBytes: z.int().min(1_000).default(1_000_000).describe('Bytes of a JSON body.'),
        uploadBytes: z
          .int()
          .min(1)
          .nullable()
          .default(null)
          .describe('Bytes of one upload. Null: what the disk holds.'),
      })
      .prefault({})
      .describe('What one may ask for.'),
  })
  .prefault({})
  .describe('How `sluice serve` works.');

/** How `sluice serve` works, with all defaults. */
export type ServerSettings = z.output<typeof serverFields>;
