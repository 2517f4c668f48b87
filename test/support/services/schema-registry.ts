import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { FaultyProxy } from './faulty-proxy.ts';
import { freePort } from './free-port.ts';
import { guardedProcess } from './guarded-process.ts';
import { mavenArchive } from './maven-downloads.ts';
import { ofTheRun } from './of-the-run.ts';

/** The last one that runs on Java 17. Its records are in memory. */
const version = '2.6.13.Final';

/** A schema registry that speaks Confluent's REST API. */
export interface SchemaRegistry extends AsyncDisposable {
  /** The base of Confluent's paths, without a slash at its end: `${url}/subjects`. */
  readonly url: string;
  /** What runs and at which address: a line for people. */
  readonly description: string;
  /** Requests that come after are answered with this status, and do not reach the registry; null ends that. */
  fail(status: number | null): void;
  /** How many requests have come. */
  readonly requests: number;
  stop(): Promise<void>;
}

/**
 * The schema registry that all files of a test run share, behind a proxy of the caller's own: use subjects of your own. The address
 * in SLUICE_TEST_REGISTRY, else Apicurio's registry from Maven Central, which the run starts when the first test asks.
 */
export async function schemaRegistry(): Promise<SchemaRegistry> {
  const shared = (await ofTheRun('registry')) ?? process.env.SLUICE_TEST_REGISTRY;
  const own = shared === undefined ? await startRegistry() : null;
  const proxy = await FaultyProxy.start(shared ?? own!.url);
  const stop = async (): Promise<void> => {
    await proxy.close();
    await own?.stop();
  };
  return {
    url: proxy.url,
    description: `the schema registry on ${shared ?? own!.url}`,
    fail: (status) => {
      proxy.failWith = status;
    },
    get requests() {
      return proxy.requests;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Starts Apicurio's registry; it ends with this process. */
export async function startRegistry(): Promise<{
  readonly url: string;
  readonly description: string;
  stop(): Promise<void>;
}> {
  const files = await mavenArchive(`apicurio-${version}`, `io.apicurio:apicurio-registry-app:${version}:tar.gz:all`);
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'sluice-registry-'));
  const java = ['java', '-Xms64m', '-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
  const where = ['-Dquarkus.http.host=127.0.0.1', `-Dquarkus.http.port=${port}`];
  const jar = join(files, `apicurio-registry-app-${version}-runner.jar`);
  const server = await guardedProcess([...java, ...where, '-jar', jar], { folder, log: join(folder, 'registry.log') });
  const stop = async (): Promise<void> => {
    if (server.isRunning) process.kill(server.pid, 'SIGKILL');
    await server.ended;
    rmSync(folder, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}/apis/ccompat/v7`;
  const deadline = performance.now() + 60_000;
  for (;;) {
    const reply = await fetch(`${url}/subjects`).catch(() => null);
    if (reply?.ok === true) break;
    if (!server.isRunning || performance.now() > deadline) {
      const said = server.said();
      await stop();
      throw new Error(`The schema registry does not answer. It said:\n${said}`);
    }
    await pause(100);
  }
  return { url, description: `Apicurio's schema registry ${version} from Maven Central on ${url}`, stop };
}
