import { type FilledBody, predictionBody } from '../../jobs/queue/body/prediction-body.ts';
import type { JobRecord } from '../../jobs/queue/job-record.ts';

/** What is shown in place of a secret. */
const REDACTED = '[redacted]';
/** Fields of settings that may hold one. */
const SECRETS: ReadonlySet<string> = new Set([
  'credentials',
  'customerKey',
  'token',
  'headers',
  'body',
  'kmsEncryptionContext',
]);

/** The settings of a job with every default, as clients insist on having them, and without what is secret. */
export function jobSpecOf({ body }: Pick<JobRecord, 'body'>): object {
  const filled: FilledBody = predictionBody.parse(body);
  const given = body as { readonly intakeSettings?: object; readonly outputSettings?: object };
  const { predictionInstance, csvSettings, columnNamesRemapping, passthroughColumns, ...rest } = filled;
  const { delimiter, quotechar, encoding } = csvSettings;
  const intake = shownSettings(given.intakeSettings ?? {}, filled.intakeSettings);
  const output = shownSettings(given.outputSettings ?? {}, filled.outputSettings);
  const redactedFields = [
    ...intake.redacted.map((name) => `intakeSettings.${name}`),
    ...output.redacted.map((name) => `outputSettings.${name}`),
  ];
  return {
    ...rest,
    csvSettings: { delimiter, quotechar, encoding },
    columnNamesRemapping,
    passthroughColumns: passthroughColumns.length === 0 ? null : passthroughColumns,
    pinnedModelId: filled.pinnedModelId,
    intakeSettings: intake.settings,
    outputSettings: output.settings,
    ...(predictionInstance === null
      ? {}
      : { predictionInstance: { hostName: predictionInstance.hostName, sslEnabled: predictionInstance.sslEnabled } }),
    ...(redactedFields.length === 0 ? {} : { redactedFields }),
  };
}

/** Settings of an end as they were given, with the type. */
function shownSettings(
  given: object,
  { type }: { readonly type: string },
): { readonly settings: object; readonly redacted: readonly string[] } {
  const redacted: string[] = [];
  const shown = Object.entries(given).map(([name, value]: [string, unknown]) => {
    if (value === null || value === undefined) return [name, value];
    const isSecret = SECRETS.has(name) && value !== 'none';
    if (isSecret) redacted.push(name);
    if (isSecret) return [name, REDACTED];
    if (name === 'url' && typeof value === 'string') return [name, withoutLogin(value)];
    if (name === 'serverSideEncryption' && typeof value === 'object')
      return [name, shownSettings(value, { type: '' }).settings];
    return [name, value];
  });
  return { settings: { ...Object.fromEntries(shown), ...(type === '' ? {} : { type }) }, redacted };
}

/** An address without user, password and query, which may be a signature. */
function withoutLogin(address: string): string {
  if (!/^https?:/i.test(address)) return address;
  const url = URL.parse(address);
  return url === null ? REDACTED : `${url.origin}${url.pathname}`;
}
