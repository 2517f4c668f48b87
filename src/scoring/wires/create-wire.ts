import type { Clock } from '../../core/clock.ts';
import type { ModelPin } from '../model-pin.ts';
import { createDatarobotWire } from './datarobot.ts';
import { createDrumWire } from './drum.ts';
import { createJsonWire, JSON_DEFAULTS } from './json.ts';
import { createMlflowWire, MLFLOW_DEFAULTS } from './mlflow.ts';
import { createOipWire, OIP_DEFAULTS } from './oip.ts';
import type { ScoringSettings, Wire } from './wire.ts';
import type { WireOptions } from './wire-options.ts';
import type { WiredDeployment } from './wired-deployment.ts';

export interface WirePorts {
  readonly scoring: ScoringSettings;
  readonly clock: Clock;
  readonly pin: ModelPin;
}

/** The wire of a deployment. Throws CONFIG_INVALID for settings that do not fit. */
export function createWire(deployment: WiredDeployment, { scoring, clock, pin }: WirePorts): Wire {
  const { server, id, target, reply, rowWitness, classes, positiveClass } = deployment;
  const options: WireOptions = {
    server,
    deploymentId: id,
    clock,
    pin,
    ...(target === undefined ? {} : { targetName: target }),
    ...(classes === undefined ? {} : { classes }),
    ...(positiveClass === undefined ? {} : { positiveClass }),
  };
  const wire = deployment.wire ?? 'datarobot';
  if (wire === 'drum') return createDrumWire(options);
  if (wire === 'oip') return createOipWire({ ...options, oip: deployment.oip ?? OIP_DEFAULTS });
  if (wire === 'mlflow') return createMlflowWire({ ...options, mlflow: deployment.mlflow ?? MLFLOW_DEFAULTS });
  if (wire === 'json') return createJsonWire({ ...options, json: deployment.json ?? JSON_DEFAULTS });
  return createDatarobotWire({
    ...options,
    settings: scoring,
    ...(reply === undefined ? {} : { reply }),
    ...(rowWitness === undefined ? {} : { rowWitness }),
  });
}
