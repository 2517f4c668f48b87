/** What a run of the tests has once, and the first test that asks for it brings about. All are JSON. */
export interface RunServices {
  /** The browser of the live page: the path of its program, or the address of one that runs. */
  readonly chromium: string;
  /** How brokers are run here. */
  readonly 'kafka-runtime':
    | { readonly kind: 'docker'; readonly host: string }
    | { readonly kind: 'maven'; readonly jars: string };
  /** The addresses of the shared broker. */
  readonly kafka: readonly string[];
  /** The folder with the jars of Kafka's own command-line tools. */
  readonly 'kafka-tools': string;
  /** The address of the shared schema registry. */
  readonly registry: string;
  /** The shared PostgreSQL server. */
  readonly postgres: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: string;
  };
  /** How S3 servers are run here. */
  readonly 's3-runtime':
    | { readonly kind: 'docker'; readonly host: string }
    | { readonly kind: 'program'; readonly path: string };
  /** The shared H2 server. */
  readonly h2: { readonly host: string; readonly port: number };
  /** How MariaDB servers are run here. */
  readonly 'mariadb-runtime':
    | { readonly kind: 'docker'; readonly host: string }
    | { readonly kind: 'program'; readonly path: string };
  /** The shared MariaDB server. */
  readonly mariadb: { readonly host: string; readonly port: number; readonly user: string; readonly password: string };
  /** The shared S3 server. */
  readonly s3: { readonly endpointUrl: string; readonly accessKeyId: string; readonly secretAccessKey: string };
}

/**
 * Asks the process that runs the tests, which answers all its test files with the same thing. Null outside of a run.
 * @throws Error with what went wrong there.
 */
export async function ofTheRun<K extends keyof RunServices>(name: K): Promise<RunServices[K] | null> {
  const desk = process.env.SLUICE_TEST_DESK;
  if (desk === undefined) return null;
  const reply = await fetch(new URL(name, desk));
  const text = await reply.text();
  if (!reply.ok) throw new Error(text);
  return JSON.parse(text) as RunServices[K];
}
