import type { ConnectionGuard } from '../../core/connection-guard.ts';
import type { Configuration } from '../configuration.ts';
import type { Guarded } from './guarded.ts';
import type { JobFields } from './job-description.ts';

type Settings = JobFields['intakeSettings' | 'outputSettings'];

interface GuardContext {
  readonly guard?: ConnectionGuard | undefined;
  readonly configuration?: Configuration | undefined;
}

/** The settings of an end with the guard of its connections, where the job itself says where they lead: what a configuration names may be anywhere. */
export function withGuard<S extends Settings>(settings: S, context: GuardContext): S & Guarded {
  const guard = guardOf(settings, context);
  return guard === undefined ? settings : { ...settings, guard };
}

function guardOf(settings: Settings, { guard, configuration }: GuardContext): ConnectionGuard | undefined {
  if (settings.type === 'jdbc' && settings.dataStoreId !== null)
    return configuration?.dataStore(settings.dataStoreId, 'dataStoreId').guard;
  if (settings.type === 'dataset' && settings.catalogUrl === null) return undefined;
  return guard;
}
