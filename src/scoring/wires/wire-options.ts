import type { Clock } from '../../core/clock.ts';
import type { ModelPin } from '../model-pin.ts';
import type { PredictionTableOptions } from './prediction-plan.ts';
import { targetOf } from './wire-path.ts';

/** What every wire for servers other than DataRobot's is told. */
export interface WireOptions {
  /** Base URL; its path goes before the routes of the wire. */
  readonly server: string;
  readonly deploymentId: string;
  readonly clock: Clock;
  /** Read for every request: the model to ask for, where the wire can address one. */
  readonly pin: ModelPin;
  /** The target's name in the output. Default: what the server calls it, or the deployment's id. */
  readonly targetName?: string;
  /** Class labels in the order of the server's probabilities, for servers that do not name them. */
  readonly classes?: readonly string[];
  /** Of two classes. Default: the one that the server says, or the second. */
  readonly positiveClass?: string;
}

export function tableOptions({
  server,
  deploymentId,
  targetName,
  classes,
  positiveClass,
}: WireOptions): PredictionTableOptions {
  return {
    target: targetOf(server, deploymentId),
    targetName: targetName ?? null,
    fallbackName: deploymentId,
    classes: classes ?? null,
    positiveClass: positiveClass ?? null,
  };
}
