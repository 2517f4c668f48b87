import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseJob, resolveJob } from '../../../src/jobs/description/parse-job.ts';
import { jobIdentity } from '../../../src/jobs/job-identity.ts';
import { jobText, readJob, refusalOf } from './job-texts.ts';

describe('a job that is valid', () => {
  test('has every default filled in', () => {
    expect(readJob(jobText())).toMatchObject({
      deployment: { id: 'flights', server: 'http://127.0.0.1:8100', wire: 'datarobot', token: null, reply: 'csv' },
      intakeSettings: { type: 'localFile', files: ['flights.csv'], compression: 'auto' },
      outputSettings: { type: 'localFile', path: 'scored.csv', compression: 'auto' },
      csvSettings: { delimiter: ',', quotechar: '"', encoding: 'utf-8', raggedRows: 'fail' },
      numConcurrent: 4,
      chunkSize: 'auto',
      chunkRows: 5_000,
      includeProbabilities: true,
      passthroughColumns: [],
      columnNamesRemapping: [],
      abortOnError: true,
      retry: { budgetSeconds: 600, connectSeconds: 30 },
      deadLetters: { path: null, maxShare: 0.2, maxBytes: 100_000_000, minRows: 1_000 },
    });
  });

  test('is the same from YAML, from JSON and from an object', () => {
    const value = {
      deployment: { id: 'flights', server: 'https://example.com/base' },
      intakeSettings: { type: 'localFile', files: ['a.csv', 'b/*.csv.gz'] },
      outputSettings: { type: 'localFile', path: '-' },
      passthroughColumnsSet: 'all',
      thresholdHigh: 0.5,
    };
    const fromObject = resolveJob(value);
    expect(parseJob(JSON.stringify(value), 'job.json', { env: {} })).toEqual(fromObject);
    expect(parseJob(JSON.stringify(value, null, '\t'), 'job.yaml', { env: {} })).toEqual(fromObject);
    expect(fromObject.intakeSettings).toMatchObject({ files: ['a.csv', 'b/*.csv.gz'] });
  });

  test('is live where its intake is a topic without an end, unless it or the command says otherwise', () => {
    const kafka = { brokers: 'b:9092' };
    const topic = { type: 'kafka', topic: 't', group: 'g', format: 'json' };
    const ends = { deployment: { id: 'd', server: 'http://h' }, outputSettings: { type: 'localFile', path: 'out/' } };
    const share = (job: object, given = {}) =>
      resolveJob({ ...ends, kafka, ...job }, { serverShare: given }).serverShare;
    const live = { intakeSettings: topic };
    const replay = { intakeSettings: { type: 'kafka', topic: 't', format: 'json', until: 'end' } };
    const file = { intakeSettings: { type: 'localFile', file: 'in.csv' } };
    expect(share(live)).toEqual({ priority: 'live', maxShare: 1 });
    expect(share(replay)).toEqual({ priority: 'batch', maxShare: 1 });
    expect(share(file)).toEqual({ priority: 'batch', maxShare: 1 });
    expect(share({ ...live, serverShare: { priority: 'batch', maxShare: 0.5 } })).toEqual({
      priority: 'batch',
      maxShare: 0.5,
    });
    expect(share({ ...file, serverShare: { maxShare: 0.5 } }, { priority: 'live' })).toEqual({
      priority: 'live',
      maxShare: 0.5,
    });
    // It shapes no byte of the output: the same job goes on with another one.
    const [a, b] = [{}, { serverShare: { priority: 'live', maxShare: 0.1 } }].map((more) =>
      jobIdentity(resolveJob({ ...ends, ...file, ...more }), null),
    );
    expect(a).toEqual(b);
  });

  test('chunkRows bounds requests where chunkSize does not say how large they are', () => {
    expect(readJob(jobText('chunkSize: dynamic')).chunkRows).toBe(5_000);
    expect(readJob(jobText('chunkSize: fixed')).chunkRows).toBeGreaterThan(1_000_000);
    expect(readJob(jobText('chunkSize: 20')).chunkRows).toBeGreaterThan(1_000_000);
    expect(readJob(jobText('chunkSize: 41943040', 'chunkRows: 7')).chunkRows).toBe(7);
  });

  test.each([
    'columnNamesRemapping: { a: b, c: null, d: false }',
    'columnNamesRemapping: [{inputName: a, outputName: b}, {inputName: c, outputName: null}, {inputName: d, outputName: false}]',
  ])('a remapping comes as an object or as a list: %s', (line) => {
    expect(readJob(jobText(line)).columnNamesRemapping).toEqual([
      { inputName: 'a', outputName: 'b' },
      { inputName: 'c', outputName: null },
      { inputName: 'd', outputName: null },
    ]);
  });

  test('null stands for "not given" where the batch prediction API has it so', () => {
    const lines = [
      'passthroughColumns: null',
      'predictionWarningEnabled: null',
      'thresholdLow: null',
      'columnNamesRemapping: null',
    ];
    const job = readJob(jobText(...lines));
    expect(job).toMatchObject({ passthroughColumns: [], predictionWarningEnabled: false, thresholdLow: null });
    expect(job.columnNamesRemapping).toEqual([]);
  });

  test('an anchor and its aliases are one value', () => {
    const job = readJob(jobText('passthroughColumns: &names [id, "1"]', 'includeProbabilitiesClasses: *names'));
    expect(job.includeProbabilitiesClasses).toEqual(['id', '1']);
  });
});

describe('a job that is not valid', () => {
  test('is refused with every problem, its line and column', () => {
    const { code, message } = refusalOf(() =>
      readJob(
        [
          'deployment:',
          '  id: flights',
          '  server: http://127.0.0.1:8100',
          '  tokn: abc',
          'intakeSettings: { file: flights.csv }',
          'outputSettings: {}',
          'numConcurrent: four',
          'passthroughColums: [id]',
          'maxExplanations: 101',
          'chunkSize: 19',
          'csvSettings: { delimiter: ab, encoding: klingon }',
          'includeProbabilitiesClasses: [a, 3]',
          'columnNamesRemapping: { a: 1 }',
        ].join('\n'),
      ),
    );
    expect(code).toBe('CONFIG_INVALID');
    expect(message.split('\n  ')).toEqual([
      '10 problems:',
      'job.yaml:4:3: unknown field "tokn" in deployment; did you mean "token"?',
      'job.yaml:6:17: outputSettings.path is missing (The file to write, or `-` for standard output)',
      'job.yaml:7:16: numConcurrent must be a whole number from 1 to 1024, not the text "four"',
      'job.yaml:8:1: unknown field "passthroughColums"; did you mean "passthroughColumns"?',
      'job.yaml:9:18: maxExplanations must be a whole number from 0 to 100, not 101',
      'job.yaml:10:12: chunkSize must be "auto", "fixed", "dynamic" or a whole number from 20 to 41943040, not 19',
      'job.yaml:11:27: csvSettings.delimiter must be one character, or the word tab',
      expect.stringMatching(/^job\.yaml:11:41: csvSettings\.encoding is not a text encoding/),
      'job.yaml:12:34: includeProbabilitiesClasses[1] must be text, not 3',
      'job.yaml:13:28: columnNamesRemapping.a must be text, null or false, not 1',
    ]);
  });

  test.each([
    ['numConcurrent: 0', 'numConcurrent must be a whole number from 1 to 1024, not 0'],
    ['numConcurrent: 1.5', 'numConcurrent must be a whole number'],
    ['chunkSize: 41943041', 'chunkSize must be'],
    ['chunkSize: huge', 'not the text "huge"'],
    ['serverShare: { maxShare: 0 }', 'serverShare.maxShare must be'],
    ['serverShare: { maxShare: 1.5 }', 'serverShare.maxShare must be'],
    ['serverShare: { priority: high }', 'serverShare.priority must be "live", "batch" or null'],
    ['predictionThreshold: 1.01', 'predictionThreshold must be a number from 0 to 1 or null, not 1.01'],
    ['maxExplanations: -1', 'maxExplanations must be'],
    ['abortOnError: "no"', 'abortOnError must be true or false'],
    ['passthroughColumns: id', 'passthroughColumns must be a list of names or null, not the text "id"'],
    ['passthroughColumnsSet: some', 'passthroughColumnsSet must be "all" or null'],
    ['thresholdHigh: 0.1\nthresholdLow: 0.2', 'thresholdHigh must not be below thresholdLow'],
    ['csvSettings: { delimiter: ";", quotechar: ";" }', 'csvSettings.quotechar must differ from delimiter'],
    ['csvSettings: { quotechar: "" }', 'csvSettings.quotechar must be one character'],
    ['columnNamesRemapping: [{inputName: a, outputName: b}, {inputName: a, outputName: c}]', 'names a column twice'],
    ['columnNamesRemapping: { a: "" }', 'columnNamesRemapping.a'],
    ['deadLetters: { maxShare: 2 }', 'deadLetters.maxShare must be a number from 0 to 1, not 2'],
    ['retry: 5', 'retry must be a mapping, not 5'],
    ['deploymentId: other', 'the job needs either deploymentId'],
  ])('%s', (lines, text) => {
    const { code, message } = refusalOf(() => readJob(jobText(lines)));
    expect(code).toBe('CONFIG_INVALID');
    expect(message).toContain(text);
    expect(message).toMatch(/^job\.yaml:\d+:\d+: /);
  });

  test.each([
    ['mechanism: oauthbearer', 'token or tokenFile is needed'],
    ['mechanism: oauthbearer, token: a, tokenFile: b', 'has both token and tokenFile'],
    ['mechanism: plain, username: u', 'needs username and password for plain'],
  ])('a login of Kafka that is none: %s', (login, text) => {
    const line = `kafka: { brokers: "b:9092", sasl: { ${login} } }`;
    expect(() => readJob(jobText(line))).toThrow(text);
  });

  test.each([
    ['a topic', 'type: kafka, topic: t', 'd.jsonl', 'cannot be given for a topic'],
    [
      'a table',
      'type: jdbc, jdbcUrl: "jdbc:sqlite:/f", table: t, statementType: insert',
      'd.jsonl',
      'cannot be given for a table',
    ],
    ['an object', 'type: s3, url: "s3://b/k.csv"', 'd.jsonl', 'is no address of an object'],
    ['a file', 'path: o.csv', 's3://b/d.jsonl', 'must be a file'],
    ['parts in files', 'path: out/', 'd.jsonl', 'cannot be given for the parts of a live topic'],
    ['parts in S3', 'type: s3, url: "s3://b/out/"', 's3://b/d.jsonl', 'cannot be given for the parts of a live topic'],
  ])('dead letters of %s have no place where nobody would find them', (what, output, path, text) => {
    const intake = what.startsWith('parts') ? 'type: kafka, topic: t, group: g' : 'file: a.csv';
    const job = (letters: string): string =>
      [
        'deployment: { id: a, server: "http://h" }',
        'kafka: { brokers: "b:9092" }',
        `intakeSettings: { ${intake} }`,
        `outputSettings: { ${output} }`,
        `deadLetters: { path: ${letters} }`,
      ].join('\n');
    const { code, message } = refusalOf(() => readJob(job(`"${path}"`)));
    expect(code).toBe('CONFIG_INVALID');
    expect(message).toContain(`job.yaml:5:22: deadLetters.path ${text}`);
    expect(readJob(job('null')).deadLetters.path).toBeNull();
  });

  test.each([
    ['topic: t', 'topic: t', 'topic is read as well'],
    ['topics: [a, t]', 'topic: t', 'topic is read as well'],
    ['topicPattern: "t.*"', 'topic: t.scored', 'topic matches intakeSettings.topicPattern t.*'],
    ['topic: t.dead', 'topic: t', 'deadLetterTopic t.dead is read as well'],
    ['topicPattern: "t|.*dead"', 'topic: scored', 'deadLetterTopic scored.dead matches'],
    ['topics: [t, d]', 'topic: s, deadLetterTopic: d', 'deadLetterTopic d is read as well'],
  ])('a live job does not read what it writes: %s to %s', (intake, output, text) => {
    const job = (more: string, to = output): string =>
      [
        'deployment: { id: a, server: "http://h" }',
        'kafka: { brokers: "b:9092" }',
        `intakeSettings: { type: kafka, ${intake}, ${more} }`,
        `outputSettings: { type: kafka, ${to} }`,
      ].join('\n');
    const { code, message } = refusalOf(() => readJob(job('group: g')));
    expect(code).toBe('CONFIG_INVALID');
    expect(message).toMatch(/^job\.yaml:4:/);
    expect(message).toContain(`outputSettings.${text}`);
    // A replay ends where the topics ended when it began.
    readJob(job('until: end'));
    readJob(job('group: g', 'topic: other, deadLetterTopic: letters'));
  });

  test.each([
    ['{ file: a.csv, files: [b.csv] }', 'cannot be given beside file'],
    ['{ type: localFile }', 'file (or files) is missing'],
    ['{ files: [] }', 'files must name at least one'],
    ['{ file: "" }', 'file must not be empty'],
    ['{ files: ["-", a.csv] }', 'cannot have standard input'],
  ])('an intake of %s', (intake, text) => {
    const job = `deployment: { id: a, server: "http://h" }\nintakeSettings: ${intake}\noutputSettings: { path: o }`;
    expect(refusalOf(() => readJob(job)).message).toContain(text);
  });

  test.each([
    ['type: azure', 'intakeSettings.type "azure" is not in this version, which has "localFile"'],
    ['type: snowflake, query: "select 1"', '"snowflake" is not in this version'],
  ])('an intake of a later version is named as such, without a word on its fields: %s', (intake, text) => {
    const job = `deployment: { id: a, server: "http://h" }\nintakeSettings: { ${intake}, url: "s3://b/k" }\noutputSettings: { path: o }`;
    const { message } = refusalOf(() => readJob(job));
    expect(message).toContain(text);
    expect(message).not.toContain('problems');
  });

  test('fields and values of later versions are told apart from typing errors', () => {
    const { message } = refusalOf(() => readJob(jobText('timeseriesSettings: {}', 'engin: direct')));
    expect(message).toContain('"timeseriesSettings" is not in this version');
    const { message: ofServer } = refusalOf(() => readJob(jobText('monitoringBatchPrefix: nightly')));
    expect(ofServer).toContain('"monitoringBatchPrefix" is of jobs over the REST API alone');
    expect(message).toContain('unknown field "engin"; did you mean "engine"?');
  });

  test.each([
    ['', 'job.yaml is empty'],
    ['# nothing\n', 'job.yaml is empty'],
    ['a: [1,\n', 'job.yaml:2:1: this is not YAML'],
    ['a: 1\na: 2\n', 'job.yaml:2:1: this is not YAML: Map keys must be unique'],
    ['a: *nowhere\n', 'job.yaml'],
  ])('text that cannot be parsed: %j', (text, place) => {
    const { code, message } = refusalOf(() => readJob(text));
    expect(code).toBe('CONFIG_UNREADABLE');
    expect(message).toContain(place);
  });

  test('a list is no job', () => {
    expect(refusalOf(() => readJob('- a\n')).message).toBe('job.yaml:1:1: the job must be a mapping, not a list.');
  });

  test('what is named JSON must be JSON', () => {
    const { code, message } = refusalOf(() => parseJob('{\n"a": 1, # one\n}', 'job.json', { env: {} }));
    expect(code).toBe('CONFIG_UNREADABLE');
    expect(message).toContain('job.json:2:9: this is YAML but not JSON');
  });

  test('no value of JSON makes anything but a job or a refusal', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const { code } = refusalOf(() => resolveJob(value));
        expect(code).toBe('CONFIG_INVALID');
      }),
    );
  });

  test('no text makes anything but a job or a refusal with a place', () => {
    const pieces = fc.constantFrom(
      'deployment',
      ': ',
      '{',
      '}',
      '[',
      ']',
      '\n',
      '  ',
      '"',
      "'",
      '&a ',
      '*a',
      '- ',
      '${X}',
      '!t ',
      'intakeSettings',
      '|',
      '?',
      '1',
      'null',
      '#',
      '---',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 20 }), (parts) => {
        const { code, message } = refusalOf(() => readJob(parts.join('')));
        expect(['CONFIG_INVALID', 'CONFIG_UNREADABLE', 'CONFIG_VARIABLE']).toContain(code);
        expect(message).toContain('job.yaml');
      }),
      { numRuns: 1_000 },
    );
  });
});
