import { stringify } from 'yaml';

/** A value as YAML, with lines of comment before it. Texts stay on their lines. */
export function writtenYaml(value: object, comment: readonly string[]): string {
  return `${comment.map((line) => `# ${line}\n`).join('')}${stringify(value, { lineWidth: 0 })}`;
}
