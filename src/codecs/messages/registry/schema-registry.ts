import type { Clock } from '../../../core/clock.ts';
import { SluiceError } from '../../../core/error.ts';
import { SharedWork } from '../../../core/shared-work.ts';
import { RegistryRequests } from './registry-requests.ts';
import type { RegistrySettings } from './registry-settings.ts';

/** A schema with all that it refers to. */
interface FoundSchema {
  /** AVRO, JSON or PROTOBUF. */
  readonly type: string;
  readonly text: string;
  /** The texts of schemas that it refers to; each stands behind those that it refers to itself. */
  readonly references: readonly string[];
}

/** What a registry knows by an ID. `missing` says why there is no schema; that may change. */
export type SchemaLookup = FoundSchema | { readonly missing: string };

/** What a schema was registered as. */
export interface RegisteredId {
  readonly id: number;
  /** Of registries that have them; null otherwise. */
  readonly guid: string | null;
}

interface Reference {
  readonly subject: string;
  readonly version: number;
}

/**
 * A client of a schema registry with Confluent's interface (its REST API v1; Karapace and Apicurio's ccompat have it too).
 * Schemas never change, so what was found is kept for ever; requests for the same one are made once. All methods may be called at any
 * time, and reject with REGISTRY_UNREACHABLE (retryable) when the registry does not answer, or with MESSAGE_SCHEMA when it refuses.
 */
export class SchemaRegistry {
  readonly #requests: RegistryRequests;
  readonly #schemas = new SharedWork<SchemaLookup>((lookup) => !('missing' in lookup));
  readonly #registered = new SharedWork<RegisteredId>(() => true);

  /** Throws CONFIG_INVALID. */
  constructor(settings: RegistrySettings, clock: Clock) {
    this.#requests = new RegistryRequests(settings, clock);
  }

  /** @param id a number, or a GUID with its dashes. */
  async schema(id: number | string, signal: AbortSignal): Promise<SchemaLookup> {
    const path = ['schemas', typeof id === 'number' ? 'ids' : 'guids', String(id)];
    return this.#lookup(path, `no schema with the ID ${id}`, signal);
  }

  /** Registers an Avro schema, or finds it where it is registered already. */
  async register(subject: string, schema: string, signal: AbortSignal): Promise<RegisteredId> {
    const work = async (signal: AbortSignal): Promise<RegisteredId> => {
      const reply = await this.#requests.send(
        ['subjects', subject, 'versions'],
        { schema, schemaType: 'AVRO' },
        signal,
      );
      const { id, guid } = (reply ?? {}) as { readonly id?: unknown; readonly guid?: unknown };
      if (typeof id === 'number' && Number.isInteger(id)) return { id, guid: typeof guid === 'string' ? guid : null };
      throw new SluiceError(
        'MESSAGE_SCHEMA',
        `The schema registry gave no ID for the subject ${JSON.stringify(subject)}. Check that its address is that of a registry.`,
      );
    };
    return this.#registered.get(JSON.stringify([subject, schema]), work, signal);
  }

  /** Whether a registry answers and lets this client in. */
  async check(signal: AbortSignal): Promise<void> {
    if ((await this.#requests.send(['schemas', 'types'], null, signal)) !== null) return;
    throw new SluiceError(
      'MESSAGE_SCHEMA',
      'What answers at the address of the schema registry is none. Check registry.url, its path too.',
    );
  }

  async #lookup(path: readonly string[], missing: string, signal: AbortSignal): Promise<SchemaLookup> {
    return this.#schemas.get(path.join('\n'), (signal) => this.#fetch(path, missing, signal), signal);
  }

  async #fetch(path: readonly string[], missing: string, signal: AbortSignal): Promise<SchemaLookup> {
    const reply = (await this.#requests.send(path, null, signal)) as Record<string, unknown> | null;
    if (reply === null) return { missing: `The schema registry has ${missing}.` };
    const { schema: text, schemaType: type = 'AVRO', references = [] } = reply;
    if (typeof text !== 'string' || typeof type !== 'string' || !Array.isArray(references)) {
      throw new SluiceError(
        'MESSAGE_SCHEMA',
        `The schema registry answered ${path.join('/')} without a schema. Check that its address is that of a registry.`,
      );
    }
    const texts = new Set<string>();
    for (const { subject, version } of references as readonly Reference[]) {
      const found = await this.#lookup(
        ['subjects', subject, 'versions', String(version)],
        `no version ${version} of the subject ${JSON.stringify(subject)}, which a schema refers to`,
        signal,
      );
      if ('missing' in found) return found;
      // What two schemas refer to is defined once.
      for (const reference of [...found.references, found.text]) texts.add(reference);
    }
    return { type, text, references: [...texts] };
  }
}
