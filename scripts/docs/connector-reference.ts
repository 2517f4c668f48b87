import { type Connector, type ConnectorPart, connectors } from './connectors.ts';
import { provedOf } from './proved.ts';

/** The text of docs/reference/connectors.md. */
export function connectorReference(): string {
  return `<!-- Generated from scripts/docs/connectors.ts and the tests in test/acceptance by \`npm run docs\`. Do not edit. -->

# Connectors

What rows can be read from and written to. *Proved* is what the checks of the acceptance kit (\`sluice/testing\`) show that the
connector's test lists, and \`npm test\` runs; [Writing a connector](../guide/write-a-connector.md) says what each check does. Beyond that every
intake is run with every output, directly and over Kafka, with a kill -9 in the middle (\`npm run test:grid\`; a selection in \`npm test\`).

## Intakes

${tableOf('intake', 'source')}

## Outputs

${tableOf('output', 'sink')}
`;
}

function tableOf(which: 'intake' | 'output', part: 'source' | 'sink'): string {
  const rows = connectors.flatMap((connector) => {
    const one = connector[which];
    return one === null ? [] : [rowOf(connector, one, part)];
  });
  return ['| system | `type` | what it is | proved guarantee | by |', '|---|---|---|---|---|', ...rows].join('\n');
}

function rowOf({ system, type, guide }: Connector, { says, tests }: ConnectorPart, part: 'source' | 'sink'): string {
  const { guarantee, shows } = provedOf(part, tests);
  const by = tests.map((name) => `[${name}](../../test/acceptance/${name})`).join(', ');
  const proved = shows.length === 0 ? guarantee : `**${guarantee}**: ${shows.join('; ')}`;
  return `| [${system}](../../${guide}) | \`${type}\` | ${says.replaceAll('|', '\\|')} | ${proved} | ${by} |`;
}
