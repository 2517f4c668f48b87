import type { Clock } from '../../core/clock.ts';
import type { ModelIdentity } from '../../core/model.ts';
import type { DeploymentDescription, ModelInput } from '../../core/scorer.ts';
import { httpFault } from './http-fault.ts';
import { faultText, jsonOf } from './reply-text.ts';
import type { WireReply } from './wire.ts';

const kindNames = ['regression', 'binary', 'multiclass', 'anomaly'] as const;

/** What a server says of a deployment, and whether a request may name the model that it wants. */
export interface FoundDescription {
  readonly description: DeploymentDescription;
  readonly addressable: boolean;
}

/** Faults of the server or the access to it; others only say that it does not have the route. */
const serious = new Set<string>(['SERVER_ACCESS', 'SERVER_OVERLOADED', 'SERVER_FAULT']);

const nothing: FoundDescription = { description: {}, addressable: false };

/**
 * Reads the reply of `GET …/deployments/{id}/info`, a route that DataRobot's own servers do not have: they answer 404
 * or 405, which then says nothing about the deployment. Fields of another type than expected are taken as missing.
 */
export function readDescription(target: string, reply: WireReply, clock: Clock): FoundDescription {
  if (reply.status !== 200) {
    const fault = httpFault(target, reply, clock);
    const telling = reply.status === 404 ? saysDeploymentUnknown(reply) : serious.has(fault.code);
    if (telling || reply.status < 400) throw fault;
    return nothing;
  }
  const info = jsonOf(reply);
  const about = record(info?.['target']);
  const model = record(info?.['model']);
  const identity = modelOf(model);
  const name = about['name'];
  const kind = kindNames.find((known) => known === about['kind']);
  const classes = about['classes'];
  const inputs = inputsOf(info?.['features']);
  return {
    description: {
      ...(identity === null ? {} : { model: identity }),
      ...(typeof name === 'string' ? { target: name } : {}),
      ...(kind === undefined ? {} : { kind }),
      ...(Array.isArray(classes) && classes.length > 0 ? { classes: classes.map(String) } : {}),
      ...(inputs.length > 0 ? { inputs } : {}),
    },
    addressable: identity !== null && model['addressable'] === true,
  };
}

function modelOf(model: Readonly<Record<string, unknown>>): ModelIdentity | null {
  const { id, version } = model;
  if (typeof id !== 'string' || id === '') return null;
  return typeof version === 'string' ? { id, version } : { id };
}

/** The columns of a model server's features: several may be made of one date. */
function inputsOf(features: unknown): readonly ModelInput[] {
  const inputs = new Map<string, ModelInput>();
  for (const feature of Array.isArray(features) ? features : []) {
    const { column, type } = record(feature);
    if (typeof column !== 'string' || typeof type !== 'string') continue;
    inputs.set(column, { column, type: type === 'number' ? 'number' : type === 'category' ? 'text' : 'date' });
  }
  return [...inputs.values()];
}

/** A missing route is named by its path, with `deployments`; an unknown deployment as a `deployment`. */
function saysDeploymentUnknown(reply: WireReply): boolean {
  return (
    jsonOf(reply) !== null &&
    /\b(unknown|no( such)?) deployment\b|\bdeployment\b.*\b(not found|unknown|not (exist|known)|no longer)\b/i.test(
      faultText(reply),
    )
  );
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
