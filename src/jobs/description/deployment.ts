import { SluiceError } from '../../core/error.ts';
import type { Baseline } from '../../monitoring/baseline.ts';
import type { JsonWireSettings } from '../../scoring/wires/json.ts';
import type { MlflowSettings } from '../../scoring/wires/mlflow.ts';
import type { OipSettings } from '../../scoring/wires/oip.ts';
import type { WireName } from '../../scoring/wires/wire.ts';
import { parseBaseline } from './baseline-file.ts';
import type { DeploymentFields } from './deployment-fields.ts';
import type { Guarded } from './guarded.ts';
import { Secret } from './secret.ts';

/** A deployment to score with: where it is served and how to get in. Files are read, secrets wrapped. */
export interface Deployment extends Guarded {
  readonly id: string;
  /** Base URL of the prediction server, without credentials. */
  readonly server: string;
  readonly wire: WireName;
  readonly token: Secret | null;
  readonly dataRobotKey: Secret | null;
  readonly target: string | null;
  readonly associationId: string | null;
  /** Keeps predictions by association ID. */
  readonly accuracy: boolean;
  readonly baseline: Baseline | null;
  readonly driftThreshold: number;
  /** How explanations are computed for jobs that do not say it. */
  readonly explanationAlgorithm: DeploymentFields['explanationAlgorithm'];
  readonly explanation: DeploymentFields['explanation'];
  readonly reply: 'csv' | 'json';
  readonly rowWitness: boolean;
  /** Class labels in the order of the server's probabilities. */
  readonly classes: readonly string[] | null;
  readonly positiveClass: string | null;
  /** Settings of the wire with the same name; null: its defaults. */
  readonly oip: OipSettings | null;
  readonly mlflow: MlflowSettings | null;
  readonly json: JsonWireSettings | null;
  readonly timeoutMs: number;
  /** Certificates (PEM) to trust; null trusts the machine's own. */
  readonly ca: string | null;
  readonly insecure: boolean;
}

/** Reads the files that a deployment names. Throws CONFIG_UNREADABLE naming the field and the file, CONFIG_INVALID for a baseline that is none. */
export function resolveDeployment(
  fields: DeploymentFields,
  readFile: (path: string) => string,
  placeOf: (field: string) => string,
): Deployment {
  const { token, tokenFile, dataRobotKey, caFile, baseline, ...rest } = fields;
  const read = (field: string, path: string): string => {
    try {
      return readFile(path);
    } catch (error) {
      throw new SluiceError('CONFIG_UNREADABLE', `${placeOf(field)}: ${field} names ${path}, which cannot be read.`, {
        cause: error,
      });
    }
  };
  const tokenText = tokenFile === null ? token : read('tokenFile', tokenFile).trim();
  return {
    ...rest,
    token: tokenText ? new Secret(tokenText) : null,
    dataRobotKey: dataRobotKey ? new Secret(dataRobotKey) : null,
    baseline:
      baseline === null
        ? null
        : parseBaseline(read('baseline', baseline), `${placeOf('baseline')}: baseline names ${baseline}, which`),
    ca: caFile === null ? null : read('caFile', caFile),
  };
}
