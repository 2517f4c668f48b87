import { mavenJars } from './maven-downloads.ts';
import { ofTheRun, type RunServices } from './of-the-run.ts';

/** The version of Apache Kafka that the tests run against. */
export const kafkaVersion = '4.4.0';
export const kafkaImage = `apache/kafka:${kafkaVersion}`;

/** How brokers are run here: by a Docker engine that answers and has or gets the image, else by Java with the jars of Maven Central. */
export async function kafkaRuntime(): Promise<RunServices['kafka-runtime']> {
  return (await ofTheRun('kafka-runtime')) ?? (await findKafkaRuntime());
}

/** As `kafkaRuntime`, without asking the run. */
export async function findKafkaRuntime(): Promise<RunServices['kafka-runtime']> {
  const host = await dockerHost();
  if (host !== null) return { kind: 'docker', host };
  return { kind: 'maven', jars: await downloadedJars() };
}

/** The jars of Kafka, also where containers are run here. */
export async function kafkaJars(): Promise<string> {
  const runtime = await kafkaRuntime();
  return runtime.kind === 'maven' ? runtime.jars : await downloadedJars();
}

function downloadedJars(): Promise<string> {
  return mavenJars(`kafka-${kafkaVersion}`, [
    `org.apache.kafka:kafka_2.13:${kafkaVersion}`,
    // Kafka brings log4j without the part that slf4j looks for.
    'org.apache.logging.log4j:log4j-slf4j-impl:2.25.5',
  ]);
}

/** Null where no engine answers, or none that has the image. The library takes a second to load: not before it is needed. */
async function dockerHost(): Promise<string | null> {
  const { getContainerRuntimeClient, ImageName } = await import('testcontainers');
  const client = await getContainerRuntimeClient().catch(() => null);
  if (client === null) return null;
  const image = ImageName.fromString(kafkaImage);
  try {
    if (!(await client.image.exists(image))) await client.image.pull(image);
    return client.info.containerRuntime.host;
  } catch (error) {
    console.error(`services: a Docker engine answers, but ${kafkaImage} cannot be had: ${String(error)}`);
    return null;
  }
}
