/** A broker that is started, stopped and killed; how is the matter of who runs it. Its address and its records stay. */
export interface Broker {
  /** Starts it with the records of before; resolves at once, not when it answers. */
  start(): Promise<void>;
  /** Ends it without warning, as `kill -9` does; resolves when it is gone. */
  kill(): Promise<void>;
  /** Stops its clock: it holds its connections and answers nothing. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Ends it orderly. Its records stay. */
  stop(): Promise<void>;
  /** Ends it and removes all that it left. */
  remove(): Promise<void>;
  /** On this machine; null while it is not running, or where another machine runs it. */
  readonly pid: number | null;
  readonly isRunning: boolean;
  readonly logDir: string;
  /** The end of what it wrote. */
  said(): Promise<string>;
}
