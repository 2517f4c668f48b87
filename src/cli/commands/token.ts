import { userInfo } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import { systemClock } from '../../core/clock.ts';
import { SluiceError } from '../../core/error.ts';
import type { Role } from '../../jobs/queue/caller.ts';
import { serverFields } from '../../jobs/queue/server-settings.ts';
import { makeJobTables } from '../../jobs/queue/store/job-tables.ts';
import { storeAddress } from '../../jobs/queue/store/store-address.ts';
import { StoreSession } from '../../jobs/queue/store/store-session.ts';
import { stateFolder } from '../../jobs/state-folder.ts';
import { type AccessToken, ROLES } from '../../server/security/access-token.ts';
import { TokenStore } from '../../server/security/token-store.ts';
import { configurationOf } from '../open-catalog.ts';

interface Options {
  readonly config?: string;
  readonly store?: string;
  readonly json: boolean;
}

const DAY_MS = 86_400_000;

/** `sluice token …`: who may ask a `sluice serve`. */
export function tokenCommand(): Command {
  const command = new Command('token')
    .description('Makes, lists and revokes the tokens that requests to sluice serve are sent with.')
    .addHelpText(
      'after',
      `
Tokens are kept, as hashes, in the store of the server: give the same --config (or --store) as to sluice serve. A server that runs
sees at once what is made and revoked. With the first token a server takes no more requests without one.

Examples:
  sluice token create --config sluice.yaml --name nightly --owner anna
  sluice token create --config sluice.yaml --name dashboard --role read --expires-days 90
  sluice token list --config sluice.yaml
  sluice token revoke 4f2a90c17be35d68 --config sluice.yaml

Exit codes: 0 done, 1 failed, 2 bad arguments.`,
    );
  for (const sub of [createCommand(), listCommand(), revokeCommand()]) command.addCommand(sub.exitOverride());
  return command;
}

function createCommand(): Command {
  return withStore(new Command('create'))
    .description('Makes a token and prints it, this once: nobody can find it again.')
    .requiredOption('--name <text>', 'what it is for')
    .option('--owner <user>', 'whose jobs are made and seen with it (the user of this machine)')
    .addOption(
      new Option('--role <role>', 'read looks at what is his, run makes jobs too, admin does so for everybody')
        .choices(ROLES)
        .default('run'),
    )
    .option('--expires-days <days>', 'it expires after so many days (never)', days)
    .action(
      async (options: Options & { name: string; owner?: string; role: Role; expiresDays?: number }): Promise<void> => {
        const { name, role, expiresDays, owner = userInfo().username } = options;
        const lastsMs = expiresDays === undefined ? null : expiresDays * DAY_MS;
        await inStore(options, async (tokens) => {
          const { text, token } = await tokens.create({ name, owner, role, lastsMs });
          if (options.json) process.stdout.write(`${JSON.stringify({ token: text, ...shown(token) })}\n`);
          else {
            process.stdout.write(`${text}\n`);
            process.stderr.write(`${tokenText(token)}\nKeep it now: it is shown this once.\n`);
          }
        });
      },
    );
}

function listCommand(): Command {
  return withStore(new Command('list'))
    .description('Lists the tokens: what they are for, and when they were last used; not the tokens themselves.')
    .action(async (options: Options) => {
      await inStore(options, async (tokens) => {
        const found = await tokens.list();
        const text = found.map((token) => `${tokenText(token)}\n`).join('');
        process.stdout.write(options.json ? `${JSON.stringify(found.map(shown))}\n` : text || 'There are no tokens.\n');
      });
    });
}

function revokeCommand(): Command {
  return withStore(new Command('revoke'))
    .description('Revokes a token: from now on nobody can use it.')
    .argument('<id>', 'its ID, as the list has it, or the token itself')
    .action(async (id: string, options: Options) => {
      await inStore(options, async (tokens) => {
        if (!(await tokens.revoke(id)))
          throw new SluiceError(
            'CONFIG_INVALID',
            'There is no such token, or it was revoked before. See sluice token list.',
          );
        process.stdout.write(options.json ? '{"revoked":true}\n' : 'revoked\n');
      });
    });
}

function withStore(command: Command): Command {
  return command
    .option('--config <file>', 'configuration of the server, with stateFolder and server.store')
    .option('--store <address>', 'postgres://… in place of server.store')
    .option('--json', 'print one line of JSON', false);
}

async function inStore(options: Options, work: (tokens: TokenStore) => Promise<void>): Promise<void> {
  const configuration = configurationOf(options);
  const { store } = configuration?.server ?? serverFields.parse(undefined);
  const address = storeAddress(options.store ?? store, stateFolder(process.env, configuration));
  await using session = await StoreSession.open(address);
  await makeJobTables(session);
  await work(new TokenStore(session, systemClock));
}

function days(text: string): number {
  const count = Number(text);
  if (count > 0 && count <= 36_500) return count;
  throw new InvalidArgumentError('It must be a number of days.');
}

function shown({ created, lastUsed, expires, revoked, ...rest }: AccessToken): object {
  return { ...rest, created: time(created), lastUsed: time(lastUsed), expires: time(expires), revoked: time(revoked) };
}

function tokenText({ id, name, owner, role, created, lastUsed, expires, revoked }: AccessToken): string {
  const facts = [
    `made ${time(created)}`,
    lastUsed === null ? 'never used' : `last used ${time(lastUsed)}`,
    ...(expires === null ? [] : [`expires ${time(expires)}`]),
    ...(revoked === null ? [] : [`revoked ${time(revoked)}`]),
  ];
  return `${id}  ${role}  ${owner}  ${name}  (${facts.join(', ')})`;
}

function time(wallMs: number): string;
function time(wallMs: number | null): string | null;
function time(wallMs: number | null): string | null {
  return wallMs === null ? null : new Date(wallMs).toISOString().slice(0, 19).concat('Z');
}
