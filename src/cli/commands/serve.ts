import { Command } from 'commander';
import { loadConfiguration } from '../../jobs/configuration.ts';
import { startServer } from '../../server/start-server.ts';
import { portNumber } from '../port-number.ts';

interface Options {
  readonly config: string;
  readonly host?: string;
  readonly port?: number;
  readonly store?: string;
}

/** `sluice serve`. */
export function serveCommand(): Command {
  return new Command('serve')
    .description(
      "Serves DataRobot's Batch Prediction API: jobs by REST, with a queue, for its own Python client and others.",
    )
    .requiredOption('--config <file>', 'configuration with the deployments that jobs may name, and with `server`')
    .option('--host <address>', 'address to listen on, in place of server.host (127.0.0.1)')
    .option('--port <number>', 'port to listen on, in place of server.port (8080); 0 takes a free one', portNumber)
    .option('--store <address>', 'postgres://… that several servers share, in place of server.store (SQLite)')
    .addHelpText(
      'after',
      `
Examples:
  sluice serve --config sluice.yaml
  sluice serve --config sluice.yaml --port 8080
  SLUICE_STATE=/var/lib/sluice sluice serve --config sluice.yaml --store postgres://sluice@db/sluice

  curl -s -H 'Content-Type: application/json' -d '{"deploymentId": "flights"}' http://127.0.0.1:8080/api/v2/batchPredictions/
  curl -s -H 'Content-Type: text/csv' -T flights.csv http://127.0.0.1:8080/api/v2/batchPredictions/ID/csvUpload/
  curl -s http://127.0.0.1:8080/api/v2/batchPredictions/ID/download/

In Python: datarobot.Client(token="…", endpoint="http://127.0.0.1:8080/api/v2"), then BatchPredictionJob.score(…).
The API is described at /openapi.json. The live page is at /: jobs as they go, started by dropping a file.`,
    )
    .action(async (options: Options) => {
      const configuration = loadConfiguration(options.config);
      const { host, port, store } = options;
      const settings = {
        ...configuration.server,
        ...(host === undefined ? {} : { host }),
        ...(port === undefined ? {} : { port }),
        ...(store === undefined ? {} : { store }),
      };
      // The line tells a supervisor that it may stop us, so the signals are awaited before it is said.
      const stopped = new Promise<void>((resolve) => {
        process.once('SIGINT', resolve);
        process.once('SIGTERM', resolve);
      });
      const server = await startServer({ configuration, settings, log: say });
      process.stdout.write(`sluice serve at ${server.url}, deployments: ${configuration.deploymentIds.join(', ')}\n`);
      await stopped;
      say('stopping: what is in flight is finished, jobs go on elsewhere or after the next start');
      await server.close();
    });
}

function say(text: string): void {
  process.stderr.write(`sluice serve: ${text}\n`);
}
