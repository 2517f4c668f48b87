import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';

/**
 * Stays between us and the service, in a session of its own so that Ctrl-C reaches it only through us. Its input is a pipe
 * that nobody writes to: when it ends, we are gone, however that came about, and the service and its folder go too.
 */
const guard = `
folder=$1; shift
exec 3<&0
"$@" </dev/null 3<&- &
service=$!
echo $service
(
  read -r _ <&3
  kill -CONT $service; kill -TERM $service
  for i in 1 2 3 4 5 6 7 8 9 10; do kill -0 $service || break; sleep 1; done
  kill -KILL $service
  rm -rf "$folder"
) >/dev/null 2>&1 &
watch=$!
wait $service
kill $watch
`;

/** A process that does not outlive this one. */
export interface GuardedProcess {
  readonly pid: number;
  /** Resolves when the process has ended and been waited for. */
  readonly ended: Promise<void>;
  readonly isRunning: boolean;
  /** The end of what it wrote. */
  readonly said: () => string;
}

/**
 * Starts a command whose output goes to a log file.
 * @param folder what is removed when this process dies without having stopped the command.
 */
export async function guardedProcess(
  command: readonly string[],
  options: { readonly folder: string; readonly log: string; readonly env?: Readonly<Record<string, string>> },
): Promise<GuardedProcess> {
  const log = openSync(options.log, 'a');
  // The process id comes on descriptor 1; what the service itself writes goes to the log by the redirection.
  const shell = spawn('sh', ['-c', guard, 'sh', options.folder, 'sh', '-c', 'exec "$@" >&2', 'sh', ...command], {
    detached: true,
    stdio: ['pipe', 'pipe', log],
    env: { ...process.env, ...options.env },
  });
  closeSync(log);
  let running = true;
  shell.once('exit', () => (running = false));
  const ended = once(shell, 'exit').then(() => undefined);
  const [first] = (await once(shell.stdout!, 'data')) as [Buffer];
  return {
    pid: Number(first.toString()),
    ended,
    get isRunning() {
      return running;
    },
    said: () => readFileSync(options.log, 'utf8').slice(-3000),
  };
}
