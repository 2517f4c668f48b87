import { Command } from 'commander';
import { systemClock } from '../../core/clock.ts';
import { SluiceError } from '../../core/error.ts';
import { type Configuration, loadConfiguration } from '../../jobs/configuration.ts';
import { kafkaJobFields } from '../../jobs/description/kafka-fields.ts';
import { validate } from '../../jobs/description/validate.ts';
import { type ClusterSettings, openCluster } from '../../jobs/kafka/cluster.ts';
import { Worker } from '../../jobs/kafka/worker.ts';
import { allowedTargets } from '../../server/security/allowed-targets.ts';
import { type WatchOptions, watchWorker, withWatchOptions } from '../watch-run.ts';

interface Options extends WatchOptions {
  readonly brokers?: string;
  readonly config?: string;
}

/** `sluice worker`. */
export function workerCommand(): Command {
  const command = new Command('worker')
    .description(
      'Scores for every job that runs over the Kafka cluster, until it is stopped. Start as many as you like.',
    )
    .option('--brokers <list>', "the Kafka cluster, host:port separated by commas, in place of the configuration's")
    .option('--config <file>', 'configuration with the cluster, and with the tokens of deployments that want one');
  return withWatchOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  sluice worker --brokers broker-1:9092,broker-2:9092
  sluice worker --config sluice.yaml --metrics-port 9464`,
    )
    .action(async (options: Options) => {
      const configuration = options.config === undefined ? undefined : loadConfiguration(options.config);
      const settings = clusterSettings(options.brokers, configuration);
      await using client = await openCluster(settings, systemClock);
      const worker = new Worker({
        client,
        settings,
        configuration,
        guardOf: allowedTargets,
        clock: systemClock,
        onEvent: say,
      });
      using stopping = stopSignal();
      say(`waiting for jobs at ${settings.brokers.join(', ')}`);
      await using _ = await watchWorker(worker, options, say);
      await worker.run(stopping.signal);
      say('stopped; what was in flight is finished');
    });
}

function say(text: string): void {
  process.stderr.write(`sluice worker: ${text}\n`);
}

function clusterSettings(brokers: string | undefined, configuration: Configuration | undefined): ClusterSettings {
  const configured = configuration?.kafka ?? null;
  if (brokers !== undefined) {
    const given = validate(kafkaJobFields, { brokers }, new Set(), { place: () => '--brokers' });
    return { ...given, ...configured, brokers: given.brokers };
  }
  if (configured !== null) return configured;
  throw new SluiceError(
    'CONFIG_INVALID',
    'say where the Kafka cluster is: --brokers host:port, or kafka: in the configuration (--config)',
  );
}

/** Aborts at Ctrl-C and at SIGTERM. */
function stopSignal(): Disposable & { readonly signal: AbortSignal } {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return {
    signal: stopping.signal,
    [Symbol.dispose]: () => {
      process.off('SIGINT', stop);
      process.off('SIGTERM', stop);
    },
  };
}
