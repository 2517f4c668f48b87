import type { S3, S3ClientConfig } from '@aws-sdk/client-s3';
import { type Clock, type ConnectionGuard, type GuardedLookup, targetOf } from '../../src/sdk.ts';
import { hasAnswered, isPassing } from './s3-fault.ts';
import type { S3Settings } from './s3-settings.ts';

/** Waits between attempts double from here to there, in milliseconds; each is drawn from its upper half. */
const WAIT = { first: 100, longest: 10_000 };

/**
 * Requests to one store, repeated while it is overloaded or out of reach. The library's own repetitions are turned off:
 * they know neither our clock nor how long a job may wait.
 */
export class S3Connection implements AsyncDisposable {
  readonly settings: S3Settings;
  readonly clock: Clock;
  /** Where it leads, for messages. */
  readonly endpoint: string;
  #client: Promise<S3> | undefined;
  #hasAnswered = false;

  constructor(settings: S3Settings, clock: Clock) {
    const { AWS_ENDPOINT_URL_S3: ofS3, AWS_ENDPOINT_URL: ofAll } = process.env;
    const endpointUrl = settings.endpointUrl ?? (ofS3 || ofAll || null);
    // What the environment says is from whoever runs this machine.
    const isOwn = settings.endpointUrl === null && endpointUrl !== null;
    this.settings = { ...settings, endpointUrl, guard: isOwn ? null : settings.guard };
    this.clock = clock;
    this.endpoint = endpointUrl ?? 'Amazon S3';
  }

  /**
   * Does a request, again and again while it fails in a way that may pass: for `retryMs`, or for `connectMs` when nothing has ever
   * answered. Then, and for any other failure, rejects with the library's error; on abort with the signal's reason.
   * @param work is called anew for each attempt; sends its commands with the options that it is given.
   */
  async send<T>(
    work: (client: S3, options: { readonly abortSignal: AbortSignal }) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    signal.throwIfAborted();
    this.#client ??= openClient(this.settings);
    const client = await this.#client;
    const { clock } = this;
    let failingSince: number | null = null;
    for (let attempt = 0; ; attempt += 1) {
      try {
        const result = await work(client, { abortSignal: signal });
        this.#hasAnswered = true;
        return result;
      } catch (error) {
        signal.throwIfAborted();
        this.#hasAnswered ||= hasAnswered(error);
        failingSince ??= clock.now();
        const patience = this.#hasAnswered ? this.settings.retryMs : this.settings.connectMs;
        if (!isPassing(error) || clock.now() - failingSince >= patience) throw error;
        const wait = Math.min(WAIT.longest, WAIT.first * 2 ** attempt);
        await clock.sleep(wait * (0.5 + clock.random() / 2), signal);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const client = await this.#client?.catch(() => null);
    client?.destroy();
  }
}

async function openClient(settings: S3Settings): Promise<S3> {
  // It takes long to load, and most runs never speak to S3.
  const { S3 } = await import('@aws-sdk/client-s3');
  const { credentials } = settings;
  const unsigned = (): S3 => new S3({ ...configOf(settings), ...unsignedRequests });
  if (credentials === 'none') return unsigned();
  if (credentials !== 'chain') {
    const { accessKeyId, secretAccessKey, sessionToken } = credentials;
    const given = { accessKeyId, secretAccessKey, ...(sessionToken === null ? {} : { sessionToken }) };
    return new S3({ ...configOf(settings), credentials: given });
  }
  const client = new S3(configOf(settings));
  try {
    await client.config.credentials();
    return client;
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'CredentialsProviderError') throw error;
    // Nobody told who we are. Public buckets do not ask.
    client.destroy();
    return unsigned();
  }
}

const unsignedRequests: S3ClientConfig = {
  credentials: { accessKeyId: '', secretAccessKey: '' },
  signer: { sign: async (request) => request },
};

function configOf(settings: S3Settings): S3ClientConfig {
  const { region, endpointUrl, pathStyle, credentials, checksums, connections, smallConnections, silenceMs } = settings;
  const sockets = {
    keepAlive: true,
    maxSockets: Math.max(connections, smallConnections) + 8,
    ...guarded(endpointUrl, settings.guard),
  };
  // Servers other than Amazon's seldom have regions, but a signature must name one.
  const assumed = endpointUrl === null && credentials !== 'none' ? undefined : (process.env.AWS_REGION ?? 'us-east-1');
  const usedRegion = region ?? assumed;
  const mode = checksums === 'whenSupported' ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED';
  return {
    ...(usedRegion === undefined ? {} : { region: usedRegion }),
    ...(endpointUrl === null ? {} : { endpoint: endpointUrl }),
    forcePathStyle: pathStyle ?? endpointUrl !== null,
    followRegionRedirects: endpointUrl === null,
    requestChecksumCalculation: mode,
    responseChecksumValidation: mode,
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: silenceMs,
      socketTimeout: silenceMs,
      httpAgent: sockets,
      httpsAgent: sockets,
    },
  };
}

/** What makes connections keep to what the guard allows: to the host of the address, and to those that are named after it and a bucket. */
function guarded(endpointUrl: string | null, guard: ConnectionGuard | null): { readonly lookup?: GuardedLookup } {
  if (guard === null) return {};
  const { host, port } = targetOf(new URL(endpointUrl ?? 'https://s3.amazonaws.com'));
  guard(host, port);
  return { lookup: (name, options, callback) => guard(name, port)(name, options, callback) };
}
