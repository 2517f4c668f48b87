import { errorTable } from '../../src/core/error-table.ts';

/** The text of docs/reference/errors.md. */
export function errorReference(): string {
  const rows = Object.entries(errorTable).map(
    ([code, { scope, retryable, summary, remedy }]) =>
      `| \`${code}\` | ${cell(summary)} | ${cell(remedy)} | ${scope} | ${retryable ? 'yes' : 'no'} |`,
  );
  return `<!-- Generated from src/core/error-table.ts by \`npm run docs\`. Do not edit. -->

# Errors

Every error of Sluice has one of these codes; the command line prints it before the message. A code keeps its name and its
meaning from release to release, texts do not. *Scope* is how much an error spoils: one row, its batch, the connection
(others may work), or the whole job. *Tried again* says whether the same work may succeed without anybody changing anything.

| code | what happened | what to do | scope | tried again |
|---|---|---|---|---|
${rows.join('\n')}
`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
