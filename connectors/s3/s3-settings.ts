import type { ConnectionGuard } from '../../src/sdk.ts';

/** Who asks. `chain`: what AWS's own tools would find (environment, profile, role of the machine), and nobody if there is nothing. */
export type S3Credentials =
  | 'chain'
  | 'none'
  | { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken: string | null };

/** How the server encrypts what it keeps; names as in DataRobot's `serverSideEncryption`. */
export interface S3Encryption {
  readonly algorithm: 'AES256' | 'aws:kms' | null;
  readonly kmsKeyId: string | null;
  /** Base64 of a JSON object. */
  readonly kmsEncryptionContext: string | null;
  readonly customerAlgorithm: string | null;
  /** A key that the server does not keep: whoever reads the object must give it again. Base64, or 32 characters. */
  readonly customerKey: string | null;
}

/** How objects of one account are reached. */
export interface S3Settings {
  /** Null: AWS's own settings, or us-east-1 where an address is given. */
  readonly region: string | null;
  /** Of a server that speaks S3; null: what AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL says, as for the tools of AWS, else Amazon's. */
  readonly endpointUrl: string | null;
  /** Whether buckets are named in the path and not in the host name; null: with an `endpointUrl`. */
  readonly pathStyle: boolean | null;
  readonly credentials: S3Credentials;
  /** `whenRequired` leaves out the checksums that older servers do not know. */
  readonly checksums: 'whenSupported' | 'whenRequired';
  readonly encryption: S3Encryption | null;
  /** Bytes of one part of an output, from 5 MiB on. An output has 10,000 parts at the most. */
  readonly partBytes: number;
  /** Bytes of one ranged read. */
  readonly rangeBytes: number;
  /** Bytes that may be read ahead of the decoder. */
  readonly aheadBytes: number;
  /** Requests at once for one large object. */
  readonly connections: number;
  /** The same for small objects, which cost a round trip each, and next to no bytes. */
  readonly smallConnections: number;
  /** How long a store that has answered may fail before the job does, in milliseconds. */
  readonly retryMs: number;
  /** The same for one that has never answered. */
  readonly connectMs: number;
  /** How long a connection may be silent, in milliseconds. */
  readonly silenceMs: number;
  /** A run on another machine is taken for dead when it has not written its ledger for so long, in milliseconds. */
  readonly leaseMs: number;
  /** Asked before every connection; null: it may go anywhere. */
  readonly guard: ConnectionGuard | null;
}

const MIB = 1024 * 1024;

/** 16 MiB times 10,000 parts make 167 GB. */
export const defaultS3Settings: S3Settings = {
  region: null,
  endpointUrl: null,
  pathStyle: null,
  credentials: 'chain',
  checksums: 'whenSupported',
  encryption: null,
  partBytes: 16 * MIB,
  rangeBytes: 8 * MIB,
  aheadBytes: 64 * MIB,
  connections: 8,
  smallConnections: 32,
  retryMs: 120_000,
  connectMs: 15_000,
  silenceMs: 30_000,
  leaseMs: 30_000,
  guard: null,
};
