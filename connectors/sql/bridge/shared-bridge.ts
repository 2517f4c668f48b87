import { BridgeProcess } from './bridge-process.ts';
import type { BridgeSession } from './bridge-session.ts';

/**
 * One bridge for all connections with the same drivers: begun for the first, ended with the last. Source and sink of a job share it, as a
 * database in a file lets one process in.
 */
export class SharedBridge {
  readonly #classPath: readonly string[];
  #process: Promise<BridgeProcess> | null = null;
  #sessions = 0;

  /** @param classPath where the drivers are. */
  static of(classPath: readonly string[]): SharedBridge {
    const key = JSON.stringify(classPath);
    const bridge = bridges.get(key) ?? new SharedBridge(classPath);
    bridges.set(key, bridge);
    return bridge;
  }

  private constructor(classPath: readonly string[]) {
    this.#classPath = classPath;
  }

  /** A session, and what to call once when it is over. */
  async session(signal: AbortSignal): Promise<{ readonly session: BridgeSession; readonly left: () => Promise<void> }> {
    this.#sessions += 1;
    let isLeft = false;
    const left = async (): Promise<void> => {
      if (isLeft) return;
      isLeft = true;
      this.#sessions -= 1;
      if (this.#sessions > 0) return;
      const ending = this.#process;
      this.#process = null;
      const bridge = await ending?.catch(() => null);
      await bridge?.close();
    };
    try {
      let bridge = await this.#running(signal);
      if (bridge.hasEnded) {
        this.#process = null;
        bridge = await this.#running(signal);
      }
      return { session: bridge.session(), left };
    } catch (error) {
      // The next one tries again.
      this.#process = null;
      await left();
      throw error;
    }
  }

  #running(signal: AbortSignal): Promise<BridgeProcess> {
    this.#process ??= BridgeProcess.start(this.#classPath, signal);
    return this.#process;
  }
}

/** Those of this process, by their class path. One without connections holds nothing. */
const bridges = new Map<string, SharedBridge>();
