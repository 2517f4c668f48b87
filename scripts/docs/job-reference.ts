import { configurationSchema } from '../../src/jobs/configuration.ts';
import { expectation, type FieldSchema, fieldSchema, forms } from '../../src/jobs/description/field-schema.ts';
import { jobJsonSchema } from '../../src/jobs/description/job-json-schema.ts';

/** Fields that DataRobot's `POST /batchPredictions/` does not have. */
const OURS = new Set([
  'deployment',
  'chunkRows',
  'lingerMs',
  'explanation',
  'inFlightPerPartition',
  'engine',
  'kafka',
  'retry',
  'deadLetters',
  'driftSampling',
  'report',
]);

/** The text of docs/reference/job.md. */
export function jobReference(): string {
  const job = jobJsonSchema();
  const sections = sectionsOf(job);
  const server = fieldSchema(configurationSchema).properties?.['server'] ?? {};
  const entry = fieldSchema(configurationSchema).properties?.['deployments']?.additionalProperties;
  return `<!-- Generated from src/jobs/description by \`npm run docs\`. Do not edit. -->

# The job description

A job file is YAML, or JSON if its name ends in \`.json\`. Its fields are those of DataRobot's \`POST /batchPredictions/\`, as far
as this version serves them, and some of Sluice's own, marked with *. Unknown fields are errors, with their line and the
nearest known name. \`sluice schema\` prints the same as JSON schema for editors
([config/job.schema.json](../../config/job.schema.json)); [config/examples](../../config/examples) has whole jobs.

${table(job, OURS)}
${sections.map(({ title, text, schema }) => `\n## ${title}\n\n${text}\n\n${table(schema)}`).join('\n')}

## Configuration

A job names its deployment by \`deploymentId\`; the file given with \`--config\` says what that is: under \`deployments\`, by ID, the
fields of \`deployment\` without \`id\` ([an example](../../config/examples/deployments.yaml)). \`kafka\` there is the cluster of
jobs that name none. Required is \`${(entry === false ? [] : (entry?.required ?? [])).join('`, `')}\`. An entry that no
job uses may have variables that are not set. \`catalog\` says where the data sets are that intakes of type \`dataset\` name, and
\`stateFolder\` where Sluice keeps its own ([both](../../connectors/catalog/README.md)).

## \`server\`

How \`sluice serve\` works ([the guide](../guide/server.md)).

${table(server)}
${sectionsOf(server, 'server.')
  .map(({ title, text, schema }) => `\n### ${title}\n\n${text}\n\n${table(schema)}`)
  .join('\n')}

## Variables

In values (never in names) of both files, after they are parsed:

| written | becomes |
|---|---|
| \`\${NAME}\` | the environment variable NAME; an error if it is not set |
| \`\${NAME:-default}\` | the default, if NAME is not set or empty |
| \`\${NAME:?message}\` | an error with this message, if NAME is not set or empty |
| \`$\${\` | the two characters \`\${\` |

If NAME is not set but \`NAME_FILE\` is, the content of the file that it names is taken, without line ends around it: that is how
container platforms hand over secrets. Where a number, true, false or null is needed, the text is read as one. Tokens are never
shown: not in messages, not in progress, not in the ledger or manifest.
`;
}

interface Section {
  readonly title: string;
  readonly text: string;
  readonly schema: FieldSchema;
}

/** A section for every mapping of the job; of those with several kinds one for each, of those inside them one too. */
function sectionsOf(schema: FieldSchema, path = ''): readonly Section[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const kinds = mappingsOf(field);
    return kinds.flatMap((kind): readonly Section[] => {
      const type = kinds.length > 1 ? kind.properties?.['type']?.const : undefined;
      const title = `${path}${name}${typeof type === 'string' ? ` of type ${type}` : ''}`;
      const section = { title, text: field.description ?? kind.description ?? '', schema: kind };
      return [section, ...sectionsOf(kind, `${path}${name}.`)];
    });
  });
}

/** The mappings with fields of their own that a field may be. */
function mappingsOf(field: FieldSchema): readonly FieldSchema[] {
  return forms(field).filter(({ properties }) => properties !== undefined);
}

function table(schema: FieldSchema, ours: ReadonlySet<string> = new Set()): string {
  const required = new Set(schema.required);
  const rows = Object.entries(schema.properties ?? {}).map(([name, field]) => {
    const isMapping = mappingsOf(field).length > 0;
    const what = isMapping ? 'a mapping, see below' : expectation(field);
    const otherwise = isMapping ? '' : defaultText(field);
    const mark = ours.has(name) ? ' *' : '';
    return `| \`${name}\`${mark} | ${cell(what)} | ${required.has(name) ? 'required' : otherwise} | ${cell(field.description ?? '')} |`;
  });
  return ['| field | value | default | meaning |', '|---|---|---|---|', ...rows].join('\n');
}

function defaultText(field: FieldSchema): string {
  return field.default === undefined ? '' : `\`${cell(JSON.stringify(field.default))}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
