import type { JsonWireSettings } from './json.ts';
import type { MlflowSettings } from './mlflow.ts';
import type { OipSettings } from './oip.ts';
import type { WireName } from './wire.ts';

/** What a wire needs to know of its deployment. */
export interface WiredDeployment {
  readonly id: string;
  /** Base URL of the prediction server. */
  readonly server: string;
  /** Default `datarobot`. */
  readonly wire?: WireName;
  /** The target's name; for JSON replies of DataRobot's API it is needed where the server does not describe its deployments. */
  readonly target?: string;
  /** Of the wire `datarobot`. */
  readonly reply?: 'csv' | 'json';
  readonly rowWitness?: boolean;
  /** Class labels in the order of the server's probabilities, and which of two is the positive one. */
  readonly classes?: readonly string[];
  readonly positiveClass?: string;
  /** Of the wire with the same name; its defaults without. */
  readonly oip?: OipSettings;
  readonly mlflow?: MlflowSettings;
  readonly json?: JsonWireSettings;
}
