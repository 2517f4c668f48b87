import {
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import type { S3Settings } from '../../connectors/s3/s3-settings.ts';
import type { CheckDriver } from '../../src/testing.ts';
import { s3Settings } from '../support/s3-settings.ts';
import { freePort } from '../support/services/free-port.ts';
import { type S3Bucket, s3Bucket } from '../support/services/s3.ts';
import { s3Source } from './s3-intake.ts';
import { s3Sink } from './s3-output.ts';

const WRONG_KEY = 'a-wrong-secret-key';

/** What can be wrong with objects that are read. */
export async function s3IntakeFaults(): Promise<CheckDriver> {
  const place = await s3Bucket();
  const { right, nowhere, wrongKey, stranger, ...rest } = await settingsOf(place);
  const url = `s3://${place.bucket}/in/rows.csv`;
  await place.client.send(new PutObjectCommand({ Bucket: place.bucket, Key: 'in/rows.csv', Body: 'id,x\n1,2\n' }));
  const source = (address: string, settings: Partial<S3Settings>) => () => s3Source(address, settings);
  return {
    ...rest,
    sound: source(url, right),
    faults: {
      'a wrong address': { part: source(url, nowhere), code: 'STORE_UNREACHABLE', says: /Check endpointUrl/ },
      'a wrong secret key': {
        part: source(url, wrongKey),
        code: 'STORE_ACCESS',
        says: /secret access key .* is wrong/,
      },
      'an unknown user': { part: source(url, stranger), code: 'STORE_ACCESS', says: /does not know the access key/ },
      'no right': {
        part: source(url, { ...right, credentials: 'none' }),
        code: 'STORE_ACCESS',
        says: /give no right to read .*s3:GetObject/,
      },
      'a missing bucket': {
        part: source('s3://sluice-no-such-bucket/in/rows.csv', right),
        code: 'INTAKE_NOT_FOUND',
        says: /no bucket sluice-no-such-bucket/,
      },
      'a missing object': {
        part: source(`s3://${place.bucket}/in/row.csv`, right),
        code: 'INTAKE_NOT_FOUND',
        says: /no object .*in\/row\.csv/,
      },
      'a prefix of nothing': {
        part: source(`s3://${place.bucket}/out/`, right),
        code: 'INTAKE_NOT_FOUND',
        says: /no objects to read under/,
      },
    },
  };
}

/** What can be wrong with an object that is written. */
export async function s3OutputFaults(): Promise<CheckDriver> {
  const place = await s3Bucket();
  const { right, nowhere, wrongKey, stranger, ...rest } = await settingsOf(place);
  const url = `s3://${place.bucket}/out/scored.csv`;
  await place.client.send(new PutObjectCommand({ Bucket: place.bucket, Key: 'there.csv', Body: 'x\n' }));
  const sink = (address: string, settings: Partial<S3Settings>) => () => s3Sink(address, false, settings);
  return {
    ...rest,
    sound: sink(url, right),
    faults: {
      'a wrong address': { part: sink(url, nowhere), code: 'STORE_UNREACHABLE', says: /Check endpointUrl/ },
      'a wrong secret key': { part: sink(url, wrongKey), code: 'STORE_ACCESS', says: /secret access key .* is wrong/ },
      'an unknown user': { part: sink(url, stranger), code: 'STORE_ACCESS', says: /does not know the access key/ },
      'no right': {
        part: sink(url, { ...right, credentials: 'none' }),
        code: 'STORE_ACCESS',
        says: /give no right to write .*s3:PutObject/,
      },
      'a missing bucket': {
        part: sink('s3://sluice-no-such-bucket/out/scored.csv', right),
        code: 'OUTPUT_UNWRITABLE',
        says: /no bucket sluice-no-such-bucket/,
      },
      'an output that is there': {
        part: sink(`s3://${place.bucket}/there.csv`, right),
        code: 'OUTPUT_EXISTS',
        says: /there\.csv exists/,
      },
    },
  };
}

async function settingsOf(
  place: S3Bucket,
): Promise<
  Pick<CheckDriver, 'secrets' | 'contents' | 'close'> &
    Readonly<Record<'right' | 'nowhere' | 'wrongKey' | 'stranger', Partial<S3Settings>>>
> {
  const { client, bucket: Bucket, accessKeyId, secretAccessKey } = place;
  const right = s3Settings(place);
  const as = (accessKey: string): S3Settings['credentials'] => ({
    accessKeyId: accessKey,
    secretAccessKey: WRONG_KEY,
    sessionToken: null,
  });
  return {
    right,
    nowhere: { ...right, endpointUrl: `http://127.0.0.1:${await freePort()}`, connectMs: 100 },
    wrongKey: { ...right, credentials: as(accessKeyId) },
    stranger: { ...right, credentials: as('nobody-that-is-known') },
    secrets: [secretAccessKey, WRONG_KEY],
    contents: async () => {
      const { Contents } = await client.send(new ListObjectsV2Command({ Bucket }));
      const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket }));
      const texts = (Contents ?? []).map(async ({ Key = '' }) => {
        const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
        return `${Key}: ${await Body!.transformToString()}`;
      });
      return [...(await Promise.all(texts)), ...(Uploads ?? []).map(({ Key }) => `an upload to ${Key}`)];
    },
    close: async () => client.destroy(),
  };
}
