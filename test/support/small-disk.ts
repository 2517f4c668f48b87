import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of its own size, to be filled. */
export interface SmallDisk extends AsyncDisposable {
  readonly path: string;
}

/**
 * Mounts a tmpfs of so many bytes. It lives in the mount namespace of a helper process and is reached through
 * /proc/<pid>/root: that needs no root where the system lets users make namespaces, and nothing stays mounted behind a test.
 */
export async function smallDisk(bytes: number): Promise<SmallDisk> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-disk-'));
  const script = 'mount -t tmpfs -o size="$1" tmpfs "$2" && echo mounted && exec cat';
  const helper = spawn('unshare', ['--map-root-user', '--mount', 'sh', '-c', script, 'sh', String(bytes), folder], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let complaint = '';
  helper.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  helper.on('error', (error) => (complaint += error.message));
  const ended = once(helper, 'close').catch(() => undefined);
  const said = await Promise.race([once(helper.stdout, 'data'), ended.then(() => null)]);
  if (said === null) {
    rmdirSync(folder);
    throw new Error(
      `This test needs a small disk, and a tmpfs cannot be mounted here: ${complaint.trim()}. ` +
        'Run it where "unshare --map-root-user --mount" works (Linux, util-linux), or as root.',
    );
  }
  return {
    path: join(`/proc/${helper.pid}/root`, folder),
    [Symbol.asyncDispose]: async () => {
      helper.stdin.end();
      await ended;
      rmdirSync(folder);
    },
  };
}

/** Writes until no byte goes onto the disk any more. */
export function fillDisk(file: string): void {
  for (const bytes of [1 << 20, 1 << 10, 1])
    for (;;) {
      try {
        writeFileSync(file, Buffer.alloc(bytes), { flag: 'a' });
      } catch {
        break;
      }
    }
}
