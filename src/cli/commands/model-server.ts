import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { startModelServer } from '../../model-server/index.ts';
import { portNumber } from '../port-number.ts';
import { wholeNumber } from '../whole-number.ts';

interface Options {
  readonly models?: string;
  readonly host: string;
  readonly port: number;
  readonly token?: readonly string[];
  readonly maxInFlight?: number;
  readonly maxBodyBytes?: number;
}

/** `sluice model-server`. */
export function modelServerCommand(): Command {
  return new Command('model-server')
    .description(
      'Serves XGBoost models (ONNX ones where onnxruntime-node is installed) over the DataRobot Prediction API.',
    )
    .option('--models <dir>', 'folder with models and their deployment files (default: the demo models)')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <number>', 'port to listen on; 0 takes a free one', portNumber, 8100)
    .option(
      '--token <token...>',
      'tokens that are accepted; none: everybody is (TOKENS in the environment works too, comma separated)',
    )
    .option('--max-in-flight <number>', 'requests at once; more are answered 429', wholeNumber)
    .option('--max-body-bytes <number>', 'largest request; larger ones are answered 413', wholeNumber)
    .addHelpText(
      'after',
      `
Examples:
  sluice model-server --port 8100
  curl -s -H 'Content-Type: text/csv' --data-binary @config/examples/flights.csv \\
    http://127.0.0.1:8100/predApi/v1.0/deployments/flights/predictions`,
    )
    .action(async (options: Options) => {
      const tokens = options.token ?? process.env['TOKENS']?.split(',').filter((token) => token !== '');
      const server = await startModelServer({
        models: options.models ?? demoModels(),
        host: options.host,
        port: options.port,
        ...(tokens === undefined ? {} : { tokens }),
        ...(options.maxInFlight === undefined ? {} : { maxInFlight: options.maxInFlight }),
        ...(options.maxBodyBytes === undefined ? {} : { maxBodyBytes: options.maxBodyBytes }),
      });
      const names = server.deployments().map(({ deploymentId }) => deploymentId);
      // The line tells a supervisor that it may stop us, so the signals are awaited before it is said.
      const stopped = new Promise<void>((resolve) => {
        process.once('SIGINT', resolve);
        process.once('SIGTERM', resolve);
      });
      process.stdout.write(`sluice model-server at ${server.url}, deployments: ${names.join(', ')}\n`);
      await stopped;
      await server.close();
    });
}

/** The models that come with Sluice: two folders above the sources' cli, three above the built one. */
function demoModels(): string {
  const [source, built] = ['../../../models', '../../../../models'].map(
    (path) => new URL(path, import.meta.url).pathname,
  );
  return existsSync(source!) ? source! : built!;
}
