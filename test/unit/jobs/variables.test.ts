import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { substitute } from '../../../src/jobs/description/variables.ts';
import { jobText, readJob, refusalOf } from './job-texts.ts';

const noFile = (path: string): string => {
  throw new Error(`no file ${path}`);
};
const expand = (text: string, env: Readonly<Record<string, string>> = {}, readFile = noFile): unknown =>
  substitute(text, { env, readFile }).value;

describe('variables', () => {
  test.each([
    ['${A}', 'one'],
    ['x${A}y${A}', 'xoneyone'],
    ['${A:-two}', 'one'],
    ['${B:-two}', 'two'],
    ['${B:-}', ''],
    ['${EMPTY}', ''],
    ['${EMPTY:-two}', 'two'],
    ['${B:-a:?b:-c}', 'a:?b:-c'],
    ['$${A}', '${A}'],
    ['$A costs $5', '$A costs $5'],
    ['${A:?must be there}', 'one'],
    ['${NESTED}', '${A}'],
  ])('%s becomes %s', (text, expected) => {
    expect(expand(text, { A: 'one', EMPTY: '', NESTED: '${A}' })).toBe(expected);
  });

  test.each([
    ['${B}', 'B is not set; set it or B_FILE'],
    ['${B:?the token of the server}', 'B is not set: the token of the server'],
    ['${EMPTY:?say it}', 'EMPTY is not set: say it'],
    ['${B-two}', 'begins no variable'],
    ['${A', 'begins no variable'],
    ['${}', 'begins no variable'],
  ])('%s is a problem', (text, problem) => {
    const { problems } = substitute({ at: [text] }, { env: { EMPTY: '' }, readFile: noFile });
    expect(problems).toEqual([{ path: ['at', 0], message: expect.stringContaining(problem) }]);
  });

  test('a variable that is not set takes the file that its _FILE twin names', () => {
    const readFile = (path: string): string => (path === '/run/token' ? 'line\n' : noFile(path));
    expect(expand('${T}', { T_FILE: '/run/token' }, readFile)).toBe('line');
    expect(expand('${T}', { T: 'direct', T_FILE: '/run/token' }, readFile)).toBe('direct');
    expect(expand('${T:-none}', { T_FILE: '' }, readFile)).toBe('none');
    const { problems } = substitute('${T}', { env: { T_FILE: '/nowhere' }, readFile });
    expect(problems.map(({ message }) => message)).toEqual(['T_FILE names a file that cannot be read: /nowhere']);
  });

  test('text without a reference is left alone, and what a variable holds is not looked into', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (text, held) => {
        const plain = text.replaceAll('${', '');
        expect(expand(plain)).toBe(plain);
        expect(expand(`${plain.replaceAll('$', '')}\${V}`, { V: held })).toBe(`${plain.replaceAll('$', '')}${held}`);
        expect(expand(`$\${${plain}`)).toBe(`\${${plain}`);
      }),
    );
  });
});

describe('variables in a job', () => {
  test('are read as numbers, true, false and null where the field needs it', () => {
    const job = readJob(
      jobText(
        'numConcurrent: ${N}',
        'chunkSize: ${SIZE}',
        'predictionThreshold: "${P}"',
        'abortOnError: ${ABORT:-false}',
        'thresholdHigh: ${HIGH:-null}',
        'pinnedModelId: ${MODEL}',
        'csvSettings: { delimiter: "${DELIMITER}" }',
      ),
      { N: '12', SIZE: '1000000', P: '.25', MODEL: '0123', DELIMITER: '1' },
    );
    expect(job).toMatchObject({
      numConcurrent: 12,
      chunkSize: 1_000_000,
      predictionThreshold: 0.25,
      abortOnError: false,
      thresholdHigh: null,
      pinnedModelId: '0123',
    });
    expect(job.csvSettings.delimiter).toBe('1');
  });

  test('are not looked for in names', () => {
    const { message } = refusalOf(() => readJob(jobText('"${A}": 1'), { A: 'numConcurrent' }));
    expect(message).toContain('job.yaml:4:1: there is an unknown field');
  });

  test('without a value are all named with their places', () => {
    const { code, message } = refusalOf(() =>
      readJob(jobText('pinnedModelId: ${MODEL}', 'passthroughColumns: [a, "${ID:?the key}"]')),
    );
    expect(code).toBe('CONFIG_VARIABLE');
    expect(message).toContain('job.yaml:4:16: MODEL is not set');
    expect(message).toContain('job.yaml:5:25: ID is not set: the key');
  });
});
