import { mavenJars } from './maven-downloads.ts';
import { ofTheRun } from './of-the-run.ts';

/** The newest version of Kafka's command-line tools on Maven Central; it speaks with newer brokers too. */
const version = '4.3.1';

/** The folder with the jars of Kafka's command-line tools. */
export async function kafkaTools(): Promise<string> {
  return (await ofTheRun('kafka-tools')) ?? (await findKafkaTools());
}

/** As `kafkaTools`, without asking the run. */
export function findKafkaTools(): Promise<string> {
  // slf4j would complain on standard error that it has nobody to write to.
  return mavenJars(`kafka-tools-${version}`, [`org.apache.kafka:kafka-tools:${version}`, 'org.slf4j:slf4j-nop:1.7.36']);
}
