import { type Clock, systemClock } from '../../../../core/clock.ts';
import type { KafkaClient } from '../../client.ts';
import type { KafkaConnection } from '../../settings.ts';
import { loadLibrary } from './library.ts';
import { PlatformaticClient } from './platformatic-client.ts';

/**
 * A Kafka client over @platformatic/kafka, an optional package. Connects when it is first used.
 * CONFIG_INVALID when the package is not installed.
 */
export async function createPlatformaticClient(
  connection: KafkaConnection,
  ports: { readonly clock?: Clock },
): Promise<KafkaClient> {
  return new PlatformaticClient(await loadLibrary(), connection, ports.clock ?? systemClock);
}
