import { SluiceError } from '../../../core/error.ts';
import { Secret } from '../../description/secret.ts';
import type { FilledBody } from './prediction-body.ts';

/**
 * A server without a key keeps no secrets, so it takes no body with one: it would stand in the store as it is. Throws CONFIG_INVALID that
 * names the field. An address with a signature in its query is taken: it ends by itself.
 */
export function assertNoSecrets({ intakeSettings, outputSettings, predictionInstance }: FilledBody): void {
  const found = [
    ...secretsIn(intakeSettings, 'intakeSettings'),
    ...secretsIn(outputSettings, 'outputSettings'),
    ...secretsIn({ ...predictionInstance }, 'predictionInstance'),
  ];
  if (found[0] === undefined) return;
  throw new SluiceError(
    'CONFIG_INVALID',
    `job: ${found[0]} is a secret, which this server does not keep, as it has no key to seal it with. Whoever runs it can set SLUICE_KEY.`,
  );
}

/** Fields that are secrets though their schema leaves them texts. */
const SECRET_TEXTS: ReadonlySet<string> = new Set(['apiKey', 'datarobotKey']);

function secretsIn(value: unknown, place: string): readonly string[] {
  if (value instanceof Secret) return [place];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]: [string, unknown]) => {
    const isSecret = (SECRET_TEXTS.has(name) && Boolean(inner)) || (name === 'url' && holdsLogin(String(inner)));
    return isSecret ? [`${place}.${name}`] : secretsIn(inner, `${place}.${name}`);
  });
}

function holdsLogin(address: string): boolean {
  const url = URL.parse(address);
  return url !== null && `${url.username}${url.password}` !== '';
}
