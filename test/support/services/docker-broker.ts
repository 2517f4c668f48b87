import { randomBytes } from 'node:crypto';
import { GenericContainer, getContainerRuntimeClient, Wait } from 'testcontainers';
import type { Broker } from './broker.ts';

const logDir = '/tmp/records';
const settings = '/tmp/sluice.properties';

/**
 * Makes a broker of a container. Its ports are the same inside and outside, so that they stay when it is started again.
 * @param properties gives the text of server.properties for a folder of records.
 * @param format arguments of the format command.
 */
export async function dockerBroker(
  image: string,
  properties: (logDir: string) => string,
  format: readonly string[],
  ports: readonly number[],
): Promise<Broker> {
  const bin = '/opt/kafka/bin';
  const cluster = randomBytes(16).toString('base64url').replace(/^-/, 'A');
  const script =
    `${bin}/kafka-storage.sh format --ignore-formatted -t "$0" -c ${settings} "$@" && ` +
    `exec ${bin}/kafka-server-start.sh ${settings}`;
  const prepared = new GenericContainer(image)
    .withEntrypoint(['sh'])
    .withCommand(['-c', script, cluster, ...format])
    .withEnvironment({ KAFKA_HEAP_OPTS: '-Xms128m -Xmx384m' })
    .withCopyContentToContainer([{ content: properties(logDir), target: settings, mode: 0o644 }])
    .withExposedPorts(...ports.map((port) => ({ container: port, host: port })))
    // Whether it answers is asked from outside, also after it was killed.
    .withWaitStrategy(Wait.forLogMessage(/./))
    .withAutoRemove(false);
  const started = await prepared.start();
  const client = await getContainerRuntimeClient();
  const container = client.container.getById(started.getId());
  let running = true;
  const inspect = async (): Promise<number | null> => (await container.inspect()).State.Pid || null;
  let pid = await inspect();
  const down = (): void => {
    running = false;
    pid = null;
  };
  return {
    start: async () => {
      if (running) return;
      await container.start();
      running = true;
      pid = await inspect();
    },
    kill: async () => {
      if (!running) return;
      await container.kill({ signal: 'SIGKILL' });
      await container.wait();
      down();
    },
    pause: () => container.pause(),
    resume: () => container.unpause(),
    stop: async () => {
      if (!running) return;
      await container.stop({ t: 10 });
      down();
    },
    remove: async () => {
      down();
      await container.remove({ force: true, v: true });
    },
    get pid() {
      return pid;
    },
    get isRunning() {
      return running;
    },
    logDir,
    said: async () => (await container.logs({ stdout: true, stderr: true, tail: 40 })).toString(),
  };
}
