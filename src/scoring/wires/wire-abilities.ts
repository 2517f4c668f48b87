import { SluiceError } from '../../core/error.ts';
import type { ScoringSettings, WireName } from './wire.ts';

/** What a job may ask of predictions beyond themselves. */
type Ability = 'explanations' | 'predictionWarnings';

const abilities: Readonly<Record<WireName, ReadonlySet<Ability>>> = {
  datarobot: new Set<Ability>(['explanations', 'predictionWarnings']),
  drum: new Set(),
  oip: new Set(),
  mlflow: new Set(),
  json: new Set(),
};

/**
 * Refuses settings that a wire has no words for, before anything is asked of its server.
 * @throws CONFIG_INVALID naming the setting and the wire.
 */
export function assertAbilities(
  wire: WireName,
  settings: Pick<ScoringSettings, 'maxExplanations' | 'predictionWarningEnabled'>,
): void {
  const wanted: readonly (readonly [Ability, string, boolean])[] = [
    ['explanations', 'maxExplanations', settings.maxExplanations > 0],
    ['predictionWarnings', 'predictionWarningEnabled', settings.predictionWarningEnabled],
  ];
  for (const [ability, setting, isWanted] of wanted) {
    if (!isWanted || abilities[wire].has(ability)) continue;
    const able = Object.entries(abilities).flatMap(([name, has]) => (has.has(ability) ? [name] : []));
    throw new SluiceError(
      'CONFIG_INVALID',
      `${setting} cannot be had over the wire ${wire}: servers that speak it have no ${inWords[ability]}. ` +
        `Take ${setting} out, ${ability === 'explanations' ? 'set explanationAlgorithm: occlusion, ' : ''}or use a server with the wire ${able.join(' or ')}.`,
    );
  }
}

const inWords: Readonly<Record<Ability, string>> = {
  explanations: 'explanations',
  predictionWarnings: 'prediction warnings',
};
