import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseDeploymentFile } from '../../../src/model-server/deployment-file.ts';
import { MODELS } from './golden-file.ts';

const file = JSON.parse(readFileSync(`${MODELS}/flights-late.deployment.json`, 'utf8'));

function parse(change: object): unknown {
  return parseDeploymentFile(JSON.stringify({ ...file, ...change }), 'a.deployment.json');
}

const wrong: readonly (readonly [string, object, RegExp])[] = [
  ['an unknown field', { treshold: 1 }, /^a\.deployment\.json has an unknown field "treshold"; known are id, model/],
  ['an id that cannot stand in an address', { id: 'a/b' }, /: id may have letters/],
  ['no model', { model: undefined }, /has no field "model"/],
  ['an unknown kind', { kind: 'anomaly' }, /: kind is none of regression, binary, multiclass: "anomaly"/],
  [
    'three classes for a binary model',
    { classes: ['a', 'b', 'c'] },
    /has 3 classes, which does not fit the kind "binary"/,
  ],
  ['one class twice', { classes: ['a', 'a'] }, /: classes names a class twice/],
  ['a threshold above 1', { threshold: 1.5 }, /: threshold is not between 0 and 1/],
  ['no features', { features: [] }, /: features is empty/],
  ['an unknown feature type', { features: [{ name: 'a', type: 'minute' }] }, /features\[0\]: type is none of/],
  [
    'a category without its texts',
    { features: [{ name: 'a', type: 'category' }] },
    /features\[0\] has no field "categories"/,
  ],
  [
    'a column that is a number and a date',
    {
      features: [
        { name: 'a', type: 'number' },
        { name: 'b', column: 'a', type: 'hour' },
      ],
    },
    /: features reads the column "a" in two ways/,
  ],
  [
    'a boundary that is no number',
    { predictionBoundaries: { low: 'x', high: 1 } },
    /predictionBoundaries: low is not a number/,
  ],
];

for (const [name, change, message] of wrong) {
  test(`a deployment file with ${name} is refused with the place`, () => {
    const refusal = { code: 'MODEL_INVALID', message: expect.stringMatching(message) };
    expect(() => parse(change)).toThrow(expect.objectContaining(refusal));
  });
}

test('what is left out has its default', () => {
  const minimal = {
    id: 'a',
    model: 'a.json',
    target: 't',
    kind: 'regression',
    features: [{ name: 'x', type: 'number' }],
  };
  expect(parseDeploymentFile(JSON.stringify(minimal), 'a.deployment.json')).toEqual({
    ...minimal,
    classes: [],
    threshold: 0.5,
    features: [{ name: 'x', column: 'x', type: 'number' }],
  });
});
