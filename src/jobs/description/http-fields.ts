import * as z from 'zod';
import {
  intakeColumns,
  intakeCompression,
  intakeFormat,
  jsonPath,
  outputCompression,
  outputFormat,
} from './format-fields.ts';
import { Secret } from './secret.ts';

const address = () => z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// address' });

/** How a server is reached; for intake and output alike. */
const access = {
  token: z
    .string()
    .nullable()
    .default(null)
    .transform((given) => (given ? new Secret(given) : null))
    .describe('Sent as a bearer token. Best written as a variable: `${HTTP_TOKEN}`. Empty or null sends none.'),
  headers: z
    .record(z.string().regex(/^[!#$%&'*+.^`|~\w-]+$/), z.string().regex(/^[^\r\n]*$/))
    .nullable()
    .default({})
    .transform((given) => Object.entries(given ?? {}).map(([name, value]) => ({ name, value: new Secret(value) })))
    .describe('Headers of every request. They and the token are never sent on to another host.'),
  allowedHosts: z
    .array(z.string().min(1))
    .default([])
    .describe('Hosts (`host` or `host:port`) that the server may redirect to, beside itself.'),
  caFile: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe("A file with certificates (PEM) to trust in place of the machine's own."),
  retrySeconds: z
    .number()
    .min(0)
    .max(31_536_000)
    .default(120)
    .describe('How long the server may fail without any progress before the job ends.'),
  silenceSeconds: z
    .number()
    .min(0.001)
    .max(86_400)
    .default(30)
    .describe('How long a connection may be silent while something is waited for.'),
};

/** `intakeSettings` of a job that reads what stands at an address. */
export const httpIntake = z
  .strictObject({
    type: z.literal('http').describe('Kind of intake.'),
    url: address().describe(
      'The address, absolute. It may hold a user and password, or a signature: they are shown nowhere, and may be others when the job is continued.',
    ),
    method: z.enum(['GET', 'POST']).default('GET').describe('How it is asked for.'),
    body: z.string().nullable().default(null).describe('What is sent with a POST.'),
    format: intakeFormat,
    jsonPath,
    columns: intakeColumns,
    compression: intakeCompression,
    ...access,
  })
  .superRefine(({ method, body }, context) => {
    if (body === null || method === 'POST') return;
    context.addIssue({ code: 'custom', path: ['body'], message: 'is for method: POST' });
  })
  .transform((fields) => ({ ...fields, url: new Secret(fields.url), name: shownAddress(fields.url) }));

/** `outputSettings` of a job that sends its output to an address. */
export const httpOutput = z
  .strictObject({
    type: z.literal('http').describe('Kind of output.'),
    url: address().describe('The address, absolute; user, password and signature as in an intake.'),
    method: z.enum(['PUT', 'POST']).default('PUT').describe('How it is sent.'),
    format: outputFormat,
    compression: outputCompression,
    ...access,
    chunked: z
      .boolean()
      .default(false)
      .describe('Sends the body in chunks, without its length, which some servers want and others refuse.'),
    answerSeconds: z
      .number()
      .min(0.001)
      .max(86_400)
      .default(300)
      .describe('How long the answer may take once all of the body was sent.'),
    spool: z
      .string()
      .min(1)
      .nullable()
      .default(null)
      .describe(
        'The file that the output grows in until it is sent; manifest and dead letters stay beside it. Null: one in `uploads` of the state folder.',
      ),
  })
  .transform((fields) => ({ ...fields, url: new Secret(fields.url), name: shownAddress(fields.url) }));

/** Scheme, host and path: what of an address may be shown. */
function shownAddress(text: string): string {
  const url = URL.parse(text);
  return url === null ? '' : `${url.origin}${url.pathname}`;
}
