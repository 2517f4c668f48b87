import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { SluiceError } from '../../../src/sdk.ts';
import { BridgeSession } from './bridge-session.ts';
import { type Frame, FrameReader, frameHead } from './frames.ts';
import { javaMissing, javaProgram } from './java-program.ts';

/** How long the process may take to roll back and end, before it is killed. */
const PATIENCE_MS = 3000;
const SAID_BYTES = 8192;

/**
 * The Java process that speaks JDBC for us, and the sessions (connections) in it. It ends with this process, whatever becomes of that:
 * its input ends then. Nothing secret is among its arguments.
 */
export class BridgeProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #sessions = new Map<number, BridgeSession>();
  readonly #hello = Promise.withResolvers<void>();
  #sessionsMade = 0;
  #broken: Error | null = null;
  #stderr = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#hello.promise.catch(() => undefined);
    this.#ended = new Promise<void>((resolve) => {
      child.once('error', (error) => {
        this.#fail(javaMissing('', error));
        resolve();
      });
      child.once('close', (code, signal) => {
        const how = signal === null ? `exit code ${code}` : signal;
        const said = this.#stderr.trim();
        const cause = new Error(said === '' ? how : said);
        this.#hello.reject(javaMissing(said || how, cause));
        this.#fail(new SluiceError('DATABASE_UNREACHABLE', `The bridge to JDBC has ended (${how}).`, { cause }));
        resolve();
      });
    });
    // A write to a process that has gone fails by 'close', which knows more.
    child.stdin!.on('error', () => undefined);
    child.stderr!.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-SAID_BYTES);
    });
    const reader = new FrameReader();
    child.stdout!.on('data', (chunk: Buffer) => {
      for (const frame of reader.take(chunk)) this.#take(frame);
    });
  }

  /**
   * Resolves when the bridge is ready.
   * @param classPath where the drivers are.
   * @throws SluiceError JAVA_MISSING without a Java that can run it.
   */
  static async start(classPath: readonly string[], signal: AbortSignal): Promise<BridgeProcess> {
    const { command, args } = await javaProgram(classPath, signal);
    signal.throwIfAborted();
    // In a group of its own: Ctrl-C is for us, and we end it when we are through.
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    const bridge = new BridgeProcess(child);
    const stop = (): void => bridge.#hello.reject(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
    try {
      await bridge.#hello.promise;
    } catch (error) {
      bridge.kill();
      throw error;
    } finally {
      signal.removeEventListener('abort', stop);
    }
    return bridge;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get hasEnded(): boolean {
    return this.#broken !== null;
  }

  /** A session without a connection yet. */
  session(): BridgeSession {
    const id = ++this.#sessionsMade;
    const session = new BridgeSession({
      send: (said, data) => this.#send(id, said, data),
      left: () => void this.#sessions.delete(id),
    });
    if (this.#broken !== null) session.fail(this.#broken);
    else this.#sessions.set(id, session);
    return session;
  }

  /** At once, whatever it does: what it had not committed is rolled back by the databases. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Lets it roll back what is open and end; kills it when it takes too long over it. */
  async close(): Promise<void> {
    this.#child.stdin!.end();
    const impatient = setTimeout(() => this.kill(), PATIENCE_MS);
    await this.#ended;
    clearTimeout(impatient);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Resolves when the pipe can take more. */
  async #send(session: number, said: Frame['said'], data: Uint8Array | null): Promise<void> {
    if (this.#broken !== null) throw this.#broken;
    const input = this.#child.stdin!;
    let room = input.write(frameHead(session, said, data?.length ?? 0));
    if (data !== null) room = input.write(data);
    if (!room) await Promise.race([once(input, 'drain').catch(() => undefined), this.#ended]);
  }

  #take({ session, said, data }: Frame): void {
    if (session === 0) this.#hello.resolve();
    else this.#sessions.get(session)?.take(said, data);
  }

  #fail(error: Error): void {
    this.#broken ??= error;
    this.#hello.reject(this.#broken);
    for (const session of this.#sessions.values()) session.fail(this.#broken);
    this.#sessions.clear();
  }
}
