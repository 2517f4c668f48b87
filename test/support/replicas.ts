import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ApiServer, startApi } from './api-server.ts';
import { PredictionServer } from './prediction-server.ts';
import { type PostgresDatabase, postgresDatabase } from './services/postgres.ts';

/** Several servers over one PostgreSQL and one state folder. */
export class Replicas implements AsyncDisposable {
  readonly database: PostgresDatabase;
  readonly prediction: PredictionServer;
  readonly #state = mkdtempSync(join(tmpdir(), 'sluice-replicas-'));

  private constructor(database: PostgresDatabase, prediction: PredictionServer) {
    this.database = database;
    this.prediction = prediction;
  }

  static async start(): Promise<Replicas> {
    return new Replicas(await postgresDatabase(), await PredictionServer.start());
  }

  /** A server with the deployment `d`. @param at where it reaches the database. */
  replica({ host, port }: { readonly host: string; readonly port: number }): Promise<ApiServer> {
    const { user, password, database: name } = this.database;
    const store = `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${name}`;
    return startApi({ deployments: { d: this.prediction.url }, server: { store }, state: this.#state });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.prediction.close();
    await this.database[Symbol.asyncDispose]();
    rmSync(this.#state, { recursive: true, force: true });
  }
}
