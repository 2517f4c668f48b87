import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { SluiceError } from '../core/error.ts';
import { nameList, nearestNames } from '../scoring/output/nearest-name.ts';
import { type Credential, credentialEntries } from './description/credential-fields.ts';
import { type CatalogFields, catalogFields } from './description/dataset-fields.ts';
import { type Deployment, resolveDeployment } from './description/deployment.ts';
import { deploymentEntry } from './description/deployment-fields.ts';
import { kafkaJobFields } from './description/kafka-fields.ts';
import { type DataStore, dataStoreEntries } from './description/sql-fields.ts';
import { unreadable } from './description/unreadable.ts';
import { refusal, validate } from './description/validate.ts';
import { substitute } from './description/variables.ts';
import { type Path, readWritten } from './description/written-text.ts';
import { type ServerSettings, serverFields } from './queue/server-settings.ts';

/** The schema of a configuration file. */
export const configurationSchema = z.strictObject({
  deployments: z
    .record(z.string().min(1), deploymentEntry)
    .default({})
    .describe('The deployments that jobs may name, by the name that the prediction server knows them by.'),
  kafka: kafkaJobFields
    .nullable()
    .default(null)
    .describe(
      'The Kafka cluster of jobs that name none themselves; `sluice serve` runs all of its jobs over it, and workers help.',
    ),
  credentials: credentialEntries,
  catalog: catalogFields,
  stateFolder: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'Where Sluice keeps its catalog, and outputs that are not sent yet. Null: `.sluice`; SLUICE_STATE goes before both.',
    ),
  dataStores: dataStoreEntries,
  server: serverFields,
});

/** What a configuration file says. */
export interface Configuration {
  readonly file: string;
  readonly deploymentIds: readonly string[];
  readonly credentialIds: readonly string[];
  readonly dataStoreIds: readonly string[];
  readonly kafka: z.output<typeof kafkaJobFields> | null;
  /** Where the datasets are that jobs name; null: in Sluice's own registry. */
  readonly catalog: CatalogFields | null;
  readonly stateFolder: string | null;
  readonly server: ServerSettings;
  /**
   * A deployment by its ID. Throws DEPLOYMENT_UNKNOWN with the nearest IDs, CONFIG_VARIABLE if it needs a variable that
   * is not set, CONFIG_UNREADABLE if it names a file that cannot be read: deployments that no job uses need neither.
   * @param place where the ID was written, for the message.
   */
  deployment(id: string, place?: string): Deployment;
  /**
   * Credentials by their ID. Throws CONFIG_INVALID with the nearest IDs, and CONFIG_VARIABLE as `deployment` does.
   * @param place where the ID was written, for the message.
   */
  credential(id: string, place: string): Credential;
  /** A data store by its ID; throws as `credential` does. */
  dataStore(id: string, place: string): DataStore;
}

/** Where a configuration takes what stands elsewhere. */
interface ConfigurationSources {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly readFile?: (path: string) => string;
}

/** Reads a configuration file, YAML or (by its name) JSON. Throws CONFIG_UNREADABLE and CONFIG_INVALID with every place. */
export function loadConfiguration(file: string, sources: ConfigurationSources = {}): Configuration {
  const readFile = sources.readFile ?? ((path: string) => readFileSync(path, 'utf8'));
  const env = sources.env ?? process.env;
  let text: string;
  try {
    text = readFile(file);
  } catch (error) {
    throw unreadable(file, error);
  }
  const written = readWritten(text, file, file.endsWith('.json') ? 'json' : 'yaml');
  const { value, replaced, problems } = substitute(written.value, { env, readFile });
  const waitingIn = (section: string): typeof problems =>
    problems.filter(({ path }) => path[0] === section && path.length > 2);
  const [waiting, waitingCredentials] = [waitingIn('deployments'), waitingIn('credentials')];
  const waitingStores = waitingIn('dataStores');
  if (waiting.length + waitingCredentials.length + waitingStores.length < problems.length)
    throw refusal('CONFIG_VARIABLE', problems, written);
  const deploymentsReady = without(value, 'deployments', waiting);
  const ready = without(without(deploymentsReady, 'credentials', waitingCredentials), 'dataStores', waitingStores);
  const { deployments, kafka, credentials, catalog, stateFolder, dataStores, server } = validate(
    configurationSchema,
    ready,
    replaced,
    written,
  );
  const entries = new Map(Object.entries(deployments));
  const idsOf = (found: object, unset: typeof problems): readonly string[] => [
    ...new Set([...Object.keys(found), ...unset.map(({ path }) => String(path[1]))]),
  ];
  /** An entry of a section that jobs name by its ID. */
  const named = <T>(
    section: string,
    found: Readonly<Record<string, T>>,
    unset: typeof problems,
    id: string,
    place: string,
  ): T => {
    if (Object.hasOwn(found, id)) return found[id]!;
    const missing = unset.filter(({ path }) => path[1] === id);
    if (missing.length > 0) throw refusal('CONFIG_VARIABLE', missing, written);
    const known = idsOf(found, unset);
    const what = section === 'credentials' ? 'credentials' : 'data store';
    throw new SluiceError(
      'CONFIG_INVALID',
      `${place}: the configuration ${file} has no ${what} "${id}"; ${hint(id, known)}`,
    );
  };
  const deploymentIds = idsOf(deployments, waiting);
  return {
    file,
    deploymentIds,
    credentialIds: idsOf(credentials, waitingCredentials),
    dataStoreIds: idsOf(dataStores, waitingStores),
    kafka,
    catalog,
    stateFolder,
    server,
    deployment(id, place) {
      const fields = entries.get(id);
      if (fields !== undefined) {
        return resolveDeployment({ ...fields, id }, readFile, (field) => written.place(['deployments', id, field]));
      }
      const missing = waiting.filter(({ path }) => path[1] === id);
      if (missing.length > 0) throw refusal('CONFIG_VARIABLE', missing, written);
      throw unknown(id, place, file, deploymentIds);
    },
    credential: (id, place) => named('credentials', credentials, waitingCredentials, id, place),
    dataStore: (id, place) => named('dataStores', dataStores, waitingStores, id, place),
  };
}

/** Leaves out the entries of a section whose variables are not set: only a job that uses one needs it. */
function without(value: unknown, section: string, waiting: readonly { readonly path: Path }[]): unknown {
  if (waiting.length === 0 || typeof value !== 'object' || value === null) return value;
  const ids = new Set(waiting.map(({ path }) => String(path[1])));
  const found = (value as Record<string, unknown>)[section] ?? {};
  return { ...value, [section]: Object.fromEntries(Object.entries(found).filter(([id]) => !ids.has(id))) };
}

function hint(id: string, known: readonly string[]): string {
  const near = nearestNames(id, known);
  return near.length > 0 ? `did you mean ${nameList(near)}?` : `it has ${nameList(known) || 'none'}.`;
}

function unknown(id: string, place: string | undefined, file: string, known: readonly string[]): SluiceError {
  const where = place === undefined ? '' : `${place}: `;
  return new SluiceError(
    'DEPLOYMENT_UNKNOWN',
    `${where}the configuration ${file} has no deployment "${id}"; ${hint(id, known)}`,
  );
}
