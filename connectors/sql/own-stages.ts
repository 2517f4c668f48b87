/** Behind the statement that makes a stage for one connection where no temporary table will do: that connection drops it again. */
export const OF_CONNECTION = '/* of this connection */';

/** The tables that a connection has to drop before it ends, as the statements that it ran say. */
export class OwnStages {
  readonly #drops = new Set<string>();

  /** Looks at a statement that was run. */
  ran(sql: string): void {
    if (!sql.endsWith(OF_CONNECTION)) return;
    const table = /^create table (.+?) \(/i.exec(sql)?.[1];
    if (table !== undefined) this.#drops.add(`drop table ${table}`);
  }

  /** What is still to be done; empty from then on. */
  drops(): readonly string[] {
    const drops = [...this.#drops];
    this.#drops.clear();
    return drops;
  }
}
